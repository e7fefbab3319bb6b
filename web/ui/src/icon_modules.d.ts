// The package types its index only.
declare module '@tabler/icons-react/dist/esm/icons/*.mjs' {
  const icon: import('./icon_files').Icon;
  export default icon;
}
