/**
 * An address of lineside, relative to the page: the page may stand below any path of somebody's web server, and all
 * else stands beside it.
 */
export const home = (path: string): string => path.replace(/^\/+/, '');

/** The same, for a socket. */
export function socketHome(path: string): string {
  const address = new URL(home(path), document.baseURI);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
}
