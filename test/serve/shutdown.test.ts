import type { Server } from 'node:http';
import { describe, expect, it } from 'vitest';
import { PATIENT, PNG_TYPE, post, SHIRT, serveFake } from './helpers.ts';

const nodeServer = (app: object): Server => (app as { server: Server }).server;

describe('Server.close', () => {
  it('answers what is under way, tells balancers first, and takes no more at the end', async () => {
    const { server, url, models } = await serveFake();
    models[0]?.hold();
    const underWay = Array.from({ length: 5 }, () => post(`${url}/classify`, SHIRT));
    await expect.poll(() => models[0]?.calls, PATIENT).toBe(5);
    const closing = server.close({ drainMs: 3000 });
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(ready.headers.get('connection')).toBe('close');
    const late = post(`${url}/classify`, SHIRT);
    await expect.poll(() => models[0]?.calls, PATIENT).toBe(6);
    await expect.poll(() => fetch(`${url}/healthz`).catch(() => 'refused'), PATIENT).toBe('refused');
    expect(models[0]?.isClosed).toBe(false);
    models[0]?.letGo();
    expect((await Promise.all([...underWay, late])).map(({ status }) => status)).toEqual(Array(6).fill(200));
    await closing;
    expect(models[0]?.isClosed).toBe(true);
    await expect(server.close()).resolves.toBeUndefined();
  });

  it('answers every request that it received, while callers never pause', async () => {
    const { server, url } = await serveFake({ maxPending: 1000 });
    let received = 0;
    let answered = 0;
    nodeServer(server.app).on('request', (_request, response) => {
      received++;
      response.once('finish', () => {
        answered++;
      });
    });
    const statuses = new Set<number>();
    const callers = Array.from({ length: 16 }, async () => {
      for (;;) {
        const answer = await post(`${url}/classify`, SHIRT, PNG_TYPE).catch(() => undefined);
        if (answer === undefined) return;
        statuses.add(answer.status);
      }
    });
    await expect.poll(() => answered, PATIENT).toBeGreaterThan(30);
    await server.close({ drainMs: 50 });
    await Promise.all(callers);
    expect([...statuses]).toEqual([200]);
    expect(answered).toBe(received);
  });
});
