// One way to call the server: every failure becomes an ApiError with a text for people.
import { apiAddress } from './base_path';

/** The server's error types, and three of the way to it. */
export type ErrorKind = 'unreachable' | 'not_ready' | 'not_api' | (string & {});

export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly status = 0,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
  /** From sending the request until the answer was read. */
  elapsedMs: number;
}

export interface Call {
  method?: 'GET' | 'POST';
  params?: Record<string, string>;
  signal?: AbortSignal;
}

interface Envelope {
  status: string;
  data?: unknown;
  errorType?: string;
  error?: string;
  warnings?: string[];
  infos?: string[];
}

/**
 * Calls an endpoint below `api/v1/`. A POST carries its parameters as a form, so a query may be long.
 * Throws ApiError, or the DOMException of an aborted signal.
 */
export async function call<T>(endpoint: string, options: Call = {}): Promise<Answer<T>> {
  const started = performance.now();
  const response = await send(endpoint, options);
  const envelope = await readEnvelope(response, options.signal);
  if (envelope.status !== 'success')
    throw new ApiError(
      envelope.errorType ?? 'unknown',
      envelope.error ?? 'The server reported an error without a text.',
      response.status,
    );
  return {
    data: envelope.data as T,
    warnings: envelope.warnings ?? [],
    infos: envelope.infos ?? [],
    elapsedMs: performance.now() - started,
  };
}

async function send(endpoint: string, { method = 'GET', params, signal }: Call): Promise<Response> {
  const form = new URLSearchParams(params).toString();
  const address = apiAddress(endpoint);
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (signal) init.signal = signal;
  if (method === 'POST') {
    init.body = form;
    init.headers = { ...init.headers, 'Content-Type': 'application/x-www-form-urlencoded' };
  }
  const query = method === 'GET' && form ? `?${form}` : '';
  try {
    return await fetch(address + query, init);
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new ApiError('unreachable', 'The server cannot be reached. Is it running, and is the network up?');
  }
}

async function readEnvelope(response: Response, signal?: AbortSignal): Promise<Envelope> {
  let text: string;
  try {
    text = await response.text();
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new ApiError('unreachable', 'The connection ended before the whole answer had come.', response.status);
  }
  const body = parseJson(text);
  if (isEnvelope(body)) return body;
  if (response.status === 503)
    throw new ApiError('not_ready', notReadyText(response), response.status);
  const excerpt = text.trim().slice(0, 200);
  throw new ApiError(
    'not_api',
    `The server answered with status ${response.status}${excerpt ? `: ${excerpt}` : ' and nothing else.'}`,
    response.status,
  );
}

function notReadyText(response: Response): string {
  return response.headers.get('X-Prometheus-Stopping') === 'true'
    ? 'The server is shutting down.'
    : 'The server is still starting and reads its write-ahead log. Try again in a moment.';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isEnvelope(body: unknown): body is Envelope {
  return typeof body === 'object' && body !== null && 'status' in body && typeof body.status === 'string';
}
