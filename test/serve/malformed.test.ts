import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { malformedRequests } from '../../bench/peers/malformed-requests.mjs';
import { PATIENT, PNG_TYPE, post, SHIRT, serveFake } from './helpers.ts';

/** The whole answer to bytes. */
function send(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

describe('malformed requests', () => {
  it('get a 4xx each with a reason, crash nothing and leave nothing behind', async () => {
    const { url, errors } = await serveFake({ timeoutMs: 5000 });
    const port = Number(new URL(url).port);
    const wrong: string[] = [];
    for (const { name, bytes } of malformedRequests(0, 400)) {
      const answer = await send(port, bytes);
      const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
      const reason = /"message":"(.+?)"/.exec(answer)?.[1] ?? '';
      if (!/^4\d\d$/.test(status ?? '') || reason.length < 5) wrong.push(`${name}: ${answer.slice(0, 300)}`);
    }
    expect(wrong).toEqual([]);
    expect(errors).toEqual([]);
    expect((await post(`${url}/classify`, SHIRT, PNG_TYPE)).status).toBe(200);
    await expect
      .poll(
        async () => (await (await fetch(`${url}/metrics`)).text()).includes('ibn_pending_images 0'),
        PATIENT,
      )
      .toBe(true);
  });
});
