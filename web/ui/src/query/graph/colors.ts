// Colours of series: neighbours differ in hue and brightness, and all can be told from the background.

const onLight = [
  '#0b7a6b', '#d9480f', '#1c6fd6', '#b0388f', '#7a8b00', '#8250df', '#c2255c', '#0d8ba1',
  '#a86a00', '#4263eb', '#2f9e44', '#9c4a1a', '#6741d9', '#e03131', '#1098ad', '#7d4e9e',
];
const onDark = [
  '#3cc9b0', '#ff9550', '#63a9ff', '#f27fd0', '#c3d54a', '#b08bff', '#ff7096', '#4ed3ea',
  '#f4c04d', '#8fa3ff', '#6fd987', '#d99a6c', '#9f86ff', '#ff7b72', '#48bfd3', '#cfa3ea',
];

export function seriesColor(index: number, dark: boolean): string {
  const palette = dark ? onDark : onLight;
  return palette[index % palette.length] ?? '#888888';
}
