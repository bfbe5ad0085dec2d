import { RequestError } from '../request-error.ts';

/** How many of the latest images tell how quick the server is. */
const WINDOW = 64;
const LONGEST_WAIT = 60;

/** Room for images that wait or are under way. There is no other queue: what finds none is refused. */
export class Admission {
  readonly #most: number;
  #pending = 0;
  #refused = 0;
  #ends: number[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get pending(): number {
    return this.#pending;
  }

  get refused(): number {
    return this.#refused;
  }

  /** @throws RequestError 429 where there is no room for as many */
  admit(images: number): Ticket {
    this.#take(images);
    return new Ticket(
      (more) => this.#take(more),
      (taken) => this.#give(taken),
      images,
    );
  }

  #take(images: number): void {
    if (this.#pending + images > this.#most) throw this.#overloaded(images);
    this.#pending += images;
  }

  #give(images: number): void {
    this.#pending -= images;
    const now = performance.now();
    for (let i = 0; i < Math.min(images, WINDOW); i++) this.#ends.push(now);
    this.#ends = this.#ends.slice(-WINDOW);
  }

  #overloaded(images: number): RequestError {
    this.#refused++;
    return new RequestError(
      429,
      'ERR_OVERLOADED',
      `Expected room for ${images} of ${this.#most} images, got ${this.#pending} waiting or under way; try again later`,
      this.#secondsUntilRoom(images),
    );
  }

  /** By how quickly the latest images ended; those of a server that is quick, or has just begun, come back in a second. */
  #secondsUntilRoom(images: number): number {
    const [first, last] = [this.#ends[0], this.#ends.at(-1)];
    if (first === undefined || last === undefined || last <= first) return 1;
    const seconds = ((last - first) / 1000 / (this.#ends.length - 1)) * images;
    return Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(seconds)));
  }
}

/** Room that a request has taken. */
export class Ticket {
  readonly #take: (images: number) => void;
  readonly #give: (images: number) => void;
  #images: number;

  constructor(take: (images: number) => void, give: (images: number) => void, images: number) {
    this.#take = take;
    this.#give = give;
    this.#images = images;
  }

  /** Room for the request's images, once they are counted. */
  resize(images: number): void {
    if (images <= this.#images) return;
    this.#take(images - this.#images);
    this.#images = images;
  }

  /** Gives the room back. Twice is fine. */
  release(): void {
    if (this.#images > 0) this.#give(this.#images);
    this.#images = 0;
  }
}
