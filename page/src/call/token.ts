import { home } from '../home';
import { KeyNeeded, Problem, SILENT } from './problem';

const WRONG = 'That key was not accepted.';
const PLAIN = /^[\x20-\x7e]+$/; // what a header can carry; a key with other signs is none of API_KEYS

interface Health {
  status: string;
  calls: number;
  max_calls: number;
}

/** A socket cannot carry a header, so a short-lived token in its address stands for the key. */
export async function askForToken(key: string): Promise<string> {
  if (key && !PLAIN.test(key)) throw new KeyNeeded(WRONG);
  const headers: HeadersInit = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(home('/api/token'), { method: 'POST', headers }).catch(() => {
    throw new Problem(SILENT);
  });
  if (answer.status === 401) throw new KeyNeeded(key ? WRONG : 'API key required.');
  const body = (await answer.json().catch(() => ({}))) as { token?: string; error?: { message: string } };
  if (!answer.ok || !body.token) {
    throw new Problem(
      body.error?.message ??
        `lineside answered ${answer.status}; its log may say why. Press Start call to try again.`,
    );
  }
  return body.token;
}

/** A socket that is refused cannot see the status; /health can say what it was. */
export async function whyRefused(): Promise<string> {
  try {
    const health = (await (await fetch(home('/health'), { cache: 'no-store' })).json()) as Health;
    if (health.status === 'closing')
      return 'lineside is shutting down. Press Start call once it is running again.';
    if (health.calls < health.max_calls) {
      return "The call was refused. Press Start call to try again; lineside's log may say why.";
    }
    return `Call limit reached (${health.calls} of ${health.max_calls}, MAX_CONCURRENT_CALLS). Try again when a call ends.`;
  } catch {
    return SILENT;
  }
}
