// Starts http-server.mjs and asks it for figures.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('http-server.mjs', import.meta.url));

export class HttpPeer {
  #child;

  /** Resolves when it listens. */
  static async start(settings) {
    const peer = new HttpPeer();
    peer.#child = fork(SCRIPT, [JSON.stringify(settings)], {
      env: { ...process.env, OMP_NUM_THREADS: String(settings.threads) },
    });
    const ended = once(peer.#child, 'exit').then(([code]) => {
      throw new Error(`The server ended with ${code}`);
    });
    ended.catch(() => {});
    const [{ url }] = await Promise.race([once(peer.#child, 'message'), ended]);
    peer.url = url;
    return peer;
  }

  get pid() {
    return this.#child.pid;
  }

  async ask(command) {
    this.#child.send({ do: command });
    const [answer] = await once(this.#child, 'message');
    return answer;
  }

  /** Closes the server as SIGTERM does. Gives the exit status. */
  async end() {
    this.#child.send({ do: 'end' });
    const [code] = await once(this.#child, 'exit');
    return code;
  }
}
