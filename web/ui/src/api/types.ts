// What the server's HTTP API v1 answers, as Prometheus defines it.

export type Labels = Record<string, string>;

/** Seconds since the epoch, and the value as text, because JSON has no NaN or infinity. */
export type FloatSample = [time: number, value: string];

/** Rule: 0 is (lower, upper], 1 is [lower, upper), 2 is (lower, upper), 3 is [lower, upper]. */
export type HistogramBucket = [rule: number, lower: string, upper: string, count: string];

export interface NativeHistogram {
  count: string;
  sum: string;
  buckets?: HistogramBucket[];
}

export type HistogramSample = [time: number, histogram: NativeHistogram];

/** A series at one time: a float or a native histogram. */
export interface VectorSeries {
  metric: Labels;
  value?: FloatSample;
  histogram?: HistogramSample;
}

/** A series over time. It may hold floats, native histograms, or both. */
export interface MatrixSeries {
  metric: Labels;
  values?: FloatSample[];
  histograms?: HistogramSample[];
}

export interface MatrixResult {
  resultType: 'matrix';
  result: MatrixSeries[];
}

export type QueryResult =
  | MatrixResult
  | { resultType: 'vector'; result: VectorSeries[] }
  | { resultType: 'scalar'; result: FloatSample }
  | { resultType: 'string'; result: FloatSample };

export type TargetHealth = 'up' | 'down' | 'unknown';

export interface ActiveTarget {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  /** RFC 3339; year 1 when never scraped. */
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: TargetHealth;
  scrapeInterval: string;
  scrapeTimeout: string;
}

export interface TargetsData {
  activeTargets: ActiveTarget[];
  droppedTargets: { discoveredLabels: Labels; scrapePool?: string }[];
  droppedTargetCounts?: Record<string, number>;
}

export type AlertState = 'inactive' | 'pending' | 'firing' | 'unknown';

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: AlertState;
  activeAt?: string;
  keepFiringSince?: string;
  value: string;
}

export interface AlertingRule {
  type: 'alerting';
  name: string;
  query: string;
  /** How long it must hold before it fires, in seconds. */
  duration: number;
  keepFiringFor?: number;
  labels?: Labels;
  annotations?: Labels;
  alerts?: Alert[];
  state: AlertState;
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  /** Seconds. */
  evaluationTime?: number;
  lastEvaluation?: string;
}

export interface RuleGroup {
  name: string;
  file: string;
  rules: AlertingRule[];
  /** Seconds between evaluations. */
  interval: number;
  evaluationTime?: number;
  lastEvaluation?: string;
}

export interface RulesData {
  groups: RuleGroup[];
}
