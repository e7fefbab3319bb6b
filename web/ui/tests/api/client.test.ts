import { afterEach, describe, expect, test, vi } from 'vitest';
import { apiAddress } from '../../src/api/base_path';
import { ApiError, call } from '../../src/api/client';

function answer(body: string, init?: ResponseInit): void {
  vi.stubGlobal('fetch', vi.fn(async () => new Response(body, init)));
}

async function failure(): Promise<ApiError> {
  const problem: unknown = await call('query').then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(problem instanceof ApiError)) throw new Error('expected an ApiError');
  return problem;
}

afterEach(() => {
  vi.unstubAllGlobals();
  document.head.querySelectorAll('base').forEach((base) => base.remove());
});

describe('a call that succeeds', () => {
  test('gives data, warnings and infos', async () => {
    answer('{"status":"success","data":[1],"warnings":["w"],"infos":["i"]}');
    expect(await call('query')).toMatchObject({ data: [1], warnings: ['w'], infos: ['i'] });
  });

  test('goes below the base path', async () => {
    const base = document.createElement('base');
    base.setAttribute('href', '/monitoring/');
    document.head.append(base);
    expect(apiAddress('query')).toBe('/monitoring/api/v1/query');
  });

  test('sends its parameters as a form, or in the address of a GET', async () => {
    answer('{"status":"success","data":null}');
    await call('query', { method: 'POST', params: { query: 'a+b' } });
    await call('targets', { params: { state: 'active' } });
    const calls = vi.mocked(fetch).mock.calls;
    expect(String(calls[0]?.[1]?.body)).toBe('query=a%2Bb');
    expect(calls[1]?.[0]).toBe('/api/v1/targets?state=active');
  });
});

describe('a call that fails', () => {
  test('tells the server’s own error', async () => {
    answer('{"status":"error","errorType":"bad_data","error":"1:5: parse error"}', { status: 400 });
    expect(await failure()).toMatchObject({ kind: 'bad_data', message: '1:5: parse error', status: 400 });
  });

  test('says that the server is starting or stopping', async () => {
    answer('Service Unavailable', { status: 503 });
    expect(await failure()).toMatchObject({ kind: 'not_ready', status: 503 });
    answer('Service Unavailable', { status: 503, headers: { 'X-Prometheus-Stopping': 'true' } });
    expect((await failure()).message).toContain('shutting down');
  });

  test('shows what came instead of JSON', async () => {
    answer('<html>Bad Gateway</html>', { status: 502 });
    expect(await failure()).toMatchObject({ kind: 'not_api', message: expect.stringContaining('502: <html>') });
    answer('', { status: 200 });
    expect((await failure()).kind).toBe('not_api');
    answer('[1]');
    expect((await failure()).kind).toBe('not_api');
  });

  test('says when nobody answers', async () => {
    vi.stubGlobal('fetch', vi.fn(() => Promise.reject(new TypeError('Failed to fetch'))));
    expect((await failure()).kind).toBe('unreachable');
  });

  test('by an abort is no error of the API', async () => {
    const abort = new AbortController();
    abort.abort();
    vi.stubGlobal('fetch', vi.fn(() => Promise.reject(abort.signal.reason)));
    await expect(call('query', { signal: abort.signal })).rejects.not.toBeInstanceOf(ApiError);
  });
});
