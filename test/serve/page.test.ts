import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { transforms } from '../../lib/data/index.ts';
import * as reid from '../../lib/reid/index.ts';
import * as serve from '../../lib/serve/index.ts';
import { fromBuffer, type Tensor } from '../../lib/tensor/index.ts';
import { tmp } from '../helpers/index.ts';

const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);
/** A folder for pictures of the page, to look at. */
const SCREENSHOTS = process.env.SCREENSHOTS;
const WIDTH = 12;

/** A network whose feature is the mean colour of four stripes. */
const model: serve.ServedModel = {
  async run(x: Tensor) {
    const stripes = x.view([1, 3, 4, 4, 16]).mean([3, 4]).flatten().contiguous();
    return fromBuffer(Float32Array.from(stripes.data() as Float32Array), { shape: [1, WIDTH] });
  },
};
const transform = new transforms.Compose([new transforms.Resize([16, 16]), new transforms.ToTensor()]);

/** Four stripes of colour: a person's clothes, in the light of a camera. */
function shot(person: number, light: number): Promise<Buffer> {
  const bytes = Buffer.alloc(64 * 32 * 3);
  for (let i = 0; i < bytes.length; i++) {
    const stripe = Math.floor(i / (16 * 32 * 3));
    bytes[i] =
      20 + ((person * 53 + stripe * (67 + 31 * person) + (i % 3) * (91 + 17 * person)) % 190) + light;
  }
  return sharp(bytes, { raw: { width: 32, height: 64, channels: 3 } })
    .png()
    .toBuffer();
}

const PEOPLE = ['anna', 'bert', 'carl', 'dora', 'emil', 'fred'];

async function serveGallery({ more = 0, token }: { more?: number; token?: string } = {}) {
  const gallery = await reid.Gallery.open({ width: WIDTH });
  const folder = join(tmp(), 'people');
  const kept = more === 0 ? { folder } : { gallery };
  if (more > 0) {
    const entries = Array.from({ length: more }, (_, i) => ({
      id: `entry-${String(i).padStart(6, '0')}`,
      identity: `p${i % 997}`,
      camera: `c${i % 5}`,
      feature: Array.from({ length: WIDTH }, (_, j) => Math.sin((i + 1) * (j + 1))),
    }));
    await gallery.enrol(entries);
  }
  const service = await serve.reidGallery({ load: () => ({ name: 'stripes', model, transform }), ...kept });
  const server = await serve.createServer(service, token === undefined ? {} : { token });
  onTestFinished(() => server.close({ drainMs: 0 }));
  const url = await server.listen({ port: 0 });
  if (more > 0 || token !== undefined) return url;
  for (const [i, identity] of PEOPLE.entries()) {
    for (const [light, camera] of [
      [0, 'hall'],
      [14, 'door'],
    ] as const) {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(await shot(i, light))]), 'a.png');
      for (const [name, value] of Object.entries({
        id: `${identity}-${camera}`,
        identity,
        camera,
        tags: 'day',
      }))
        form.append(name, value);
      expect((await fetch(`${url}/enrol`, { method: 'POST', body: form })).status).toBe(201);
    }
  }
  return url;
}

describe.skipIf(CHROMIUM === undefined)(
  'the page of a gallery (skipped without Chromium; CHROMIUM names it)',
  () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
    });
    afterAll(() => browser?.close());

    /** The page, and what it should never do. */
    async function open(url: string, width = 1280): Promise<{ page: Page; problems: string[] }> {
      const page = await browser.newPage({ viewport: { width, height: 900 } });
      onTestFinished(() => page.close());
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('console', (message) => {
        const isExpected = /status of (400|401|404)/.test(message.text());
        if (message.type() === 'error' && !isExpected) problems.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(url) && !request.url().startsWith('blob:'))
          problems.push(request.url());
      });
      await page.goto(url);
      return { page, problems };
    }

    const picture = async (page: Page, name: string) => {
      if (SCREENSHOTS !== undefined)
        await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
    };
    const chooseShot = async (page: Page, person: number) =>
      page.setInputFiles('#file', { name: 'q.png', mimeType: 'image/png', buffer: await shot(person, 7) });

    it('ranks the gallery for an image, with distances, cameras and borders by identity', async () => {
      const { page, problems } = await open(await serveGallery());
      await page.fill('#query-identity', 'carl');
      await chooseShot(page, 2);
      const cards = page.locator('.results .card');
      await expect.poll(() => cards.count(), { timeout: 60_000 }).toBe(12);
      const first = await cards.nth(0).innerText();
      expect(first).toMatch(/1\. distance 0\.0\d\d[\s\S]*✓ carl[\s\S]*camera (hall|door)/);
      expect(await page.locator('.card.same').count()).toBe(2);
      expect(await page.locator('.card.other').count()).toBe(10);
      await expect.poll(() => page.locator('.results img').count(), { timeout: 60_000 }).toBe(12);
      await page.getByLabel('door').first().check();
      await expect.poll(() => cards.count(), { timeout: 60_000 }).toBe(6);
      await picture(page, 'desktop');
      expect(problems).toEqual([]);
    });

    it('moves the threshold by keyboard: verdict, shares and cards follow', async () => {
      const { page } = await open(await serveGallery());
      await chooseShot(page, 1);
      const verdict = page.locator('.verdict');
      await expect.poll(() => verdict.innerText(), { timeout: 60_000 }).toMatch(/^Match/);
      const before = await page.locator('#rates').innerText();
      await page.focus('#threshold');
      await page.keyboard.press('End');
      await expect
        .poll(() => verdict.innerText(), { timeout: 60_000 })
        .toMatch(/^Unknown: no entry reaches 1\.000/);
      expect(await page.locator('.card.below').count()).toBe(12);
      expect(await page.locator('#rates').innerText()).not.toBe(before);
      await page.keyboard.press('Home');
      await expect
        .poll(() => verdict.innerText(), { timeout: 60_000 })
        .toBe('Match: 12 of 12 entries reach -1.000.');
      expect(await page.locator('#rates').innerText()).toMatch(
        /^100 % of 6 true pairs are found, 100 % of 60 others/,
      );
    });

    it('enrols, changes and deletes without a mouse', async () => {
      const { page, problems } = await open(await serveGallery());
      await chooseShot(page, 3);
      await page.focus('#enrol-id');
      await page.keyboard.type('new one');
      await page.keyboard.press('Tab');
      await page.keyboard.type('dora');
      await page.keyboard.press('Enter');
      await page.getByText('Enrolled new one').waitFor();
      await page.getByRole('heading', { name: 'Entries: 13' }).waitFor();
      await page.getByRole('listbox').focus();
      await page.keyboard.press('End');
      const form = page.getByRole('form', { name: 'Entry new one' });
      await form.getByLabel('camera').fill('roof');
      await page.keyboard.press('Enter');
      await page.getByText('Changed new one').waitFor();
      await expect.poll(() => page.locator('.row.chosen').innerText(), { timeout: 60_000 }).toContain('roof');
      await form.getByRole('button', { name: 'Delete' }).press('Enter');
      await form.getByRole('button', { name: 'Really delete' }).press('Enter');
      await page.getByText('Deleted new one').waitFor();
      await page.getByRole('heading', { name: 'Entries: 12' }).waitFor();
      expect(problems).toEqual([]);
    });

    it('shows 100,000 entries, of which few are in the page, and goes to the last by one key', async () => {
      const { page, problems } = await open(await serveGallery({ more: 100_000 }));
      await page.getByRole('heading', { name: 'Entries: 100,000' }).waitFor();
      await page.getByRole('listbox').focus();
      await page.keyboard.press('End');
      await page.getByText('entry-099999').first().waitFor();
      expect(await page.locator('.row').count()).toBeLessThan(40);
      await page.keyboard.press('Enter');
      const cards = page.locator('.results .card');
      await expect.poll(() => cards.count(), { timeout: 60_000 }).toBe(20);
      expect(await page.locator('#query-identity').inputValue()).toBe(`p${99_999 % 997}`);
      await picture(page, 'large');
      expect(problems).toEqual([]);
    });

    it('fits the width of a phone', async () => {
      const { page, problems } = await open(await serveGallery(), 375);
      await page.fill('#query-identity', 'anna');
      await chooseShot(page, 0);
      await expect.poll(() => page.locator('.results img').count(), { timeout: 60_000 }).toBe(12);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375);
      await picture(page, 'phone');
      expect(problems).toEqual([]);
    });

    it('asks for the token, and says what the server refuses', async () => {
      const { page } = await open(await serveGallery({ token: 'sixteen-or-more-signs' }));
      await page.getByLabel('The server asks for its token').fill('sixteen-or-more-signs');
      await page.keyboard.press('Enter');
      await page.getByText('0 entries, 0 identities').waitFor();
      await page.setInputFiles('#file', {
        name: 'a.png',
        mimeType: 'image/png',
        buffer: Buffer.from('no image'),
      });
      await page.getByRole('alert').getByText('not a readable image').waitFor();
      await picture(page, 'token');
    });

    it('may load nothing from elsewhere', async () => {
      const response = await fetch(`${await serveGallery()}/ui/`);
      expect(response.headers.get('content-security-policy')).toMatch(
        /^default-src 'self'; img-src 'self' blob:;/,
      );
    });
  },
);
