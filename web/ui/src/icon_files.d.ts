import type { FunctionComponent, SVGProps } from 'react';

export type Icon = FunctionComponent<Omit<SVGProps<SVGSVGElement>, 'stroke'> & { size?: number; stroke?: number }>;
