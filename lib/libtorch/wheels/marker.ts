import { satisfies } from './specifier.ts';

/** The variables of environment markers, as Python would fill them in. */
export type MarkerVariables = Readonly<Record<string, string>>;

const VERSIONS = new Set(['python_version', 'python_full_version', 'implementation_version']);
const TOKEN = /\s*(\(|\)|'[^']*'|"[^"]*"|<=|>=|==|!=|~=|<|>|[\w.]+)/y;

/**
 * Evaluates an environment marker such as `platform_system == "Linux" and extra == "cublas"`.
 *
 * @throws SyntaxError for a marker that cannot be read
 */
export function evaluateMarker(marker: string, variables: MarkerVariables): boolean {
  return new MarkerReader(marker, variables).read();
}

/** Recursive descent over `or`, `and`, comparisons and brackets; both sides are always read. */
class MarkerReader {
  readonly #marker: string;
  readonly #tokens: string[];
  readonly #variables: MarkerVariables;
  #next = 0;

  constructor(marker: string, variables: MarkerVariables) {
    this.#marker = marker;
    this.#variables = variables;
    this.#tokens = tokenize(marker);
  }

  read(): boolean {
    const result = this.#or();
    if (this.#next < this.#tokens.length) this.#fail();
    return result;
  }

  #or(): boolean {
    let result = this.#and();
    while (this.#take('or')) result = this.#and() || result;
    return result;
  }

  #and(): boolean {
    let result = this.#term();
    while (this.#take('and')) result = this.#term() && result;
    return result;
  }

  #term(): boolean {
    if (!this.#take('(')) return this.#comparison();
    const result = this.#or();
    if (!this.#take(')')) this.#fail();
    return result;
  }

  #comparison(): boolean {
    const left = this.#shift();
    const operator = this.#take('not') ? `not ${this.#shift()}` : this.#shift();
    const right = this.#shift();
    return this.#compare(this.#value(left), operator, this.#value(right), VERSIONS.has(left));
  }

  #compare(left: string, operator: string, right: string, isVersion: boolean): boolean {
    if (operator === 'in') return right.includes(left);
    if (operator === 'not in') return !right.includes(left);
    if (isVersion) return satisfies(left, `${operator}${right}`);
    if (operator === '==') return left === right;
    if (operator === '!=') return left !== right;
    if (operator === '<') return left < right;
    if (operator === '<=') return left <= right;
    if (operator === '>') return left > right;
    return operator === '>=' ? left >= right : this.#fail();
  }

  #value(token: string): string {
    return /^['"]/.test(token) ? token.slice(1, -1) : (this.#variables[token] ?? this.#fail());
  }

  #take(token: string): boolean {
    const found = this.#tokens[this.#next] === token;
    if (found) this.#next++;
    return found;
  }

  #shift(): string {
    return this.#tokens[this.#next++] ?? this.#fail();
  }

  #fail(): never {
    throw new SyntaxError(`Expected an environment marker, got ${JSON.stringify(this.#marker)}`);
  }
}

function tokenize(marker: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < marker.trimEnd().length) {
    const match = TOKEN.exec(marker);
    if (!match?.[1]) throw new SyntaxError(`Expected an environment marker, got ${JSON.stringify(marker)}`);
    tokens.push(match[1]);
  }
  return tokens;
}
