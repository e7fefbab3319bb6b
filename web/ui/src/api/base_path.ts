/** Where this app is mounted, with slashes at both ends: `/`, or `/monitoring/` with a route prefix. */
export function basePath(): string {
  const path = new URL(document.baseURI).pathname;
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** The address of an API endpoint: `apiAddress('query')` is `/api/v1/query`. */
export function apiAddress(endpoint: string): string {
  return `${basePath()}api/v1/${endpoint}`;
}
