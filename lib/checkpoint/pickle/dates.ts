import { PyObject } from '../values.ts';
import { asBytes, asNumber, Mismatch } from './checks.ts';

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

/** A datetime's ten bytes in ISO 8601, with the offset of a `timezone`; other time zones stay in the arguments. */
export function dateTimeText({ args: [packed, zone] }: PyObject): string {
  const bytes = packedBytes(packed, 10);
  return `${date(bytes)}T${time(bytes, 4)}${zoneText(zone)}`;
}

export function dateText({ args: [packed] }: PyObject): string {
  return date(packedBytes(packed, 4));
}

export function timeText({ args: [packed, zone] }: PyObject): string {
  return `${time(packedBytes(packed, 6), 0)}${zoneText(zone)}`;
}

/** Seconds of a timedelta's days, seconds and microseconds. */
export function secondsOf(args: readonly unknown[]): number {
  const [days = 0, seconds = 0, micros = 0] = args.map((part) => asNumber(part, 'a timedelta'));
  return days * 86_400 + seconds + micros / 1e6;
}

/** `+02:00` for a timezone's timedelta. */
export function offsetText(delta: unknown): string {
  if (!(delta instanceof PyObject)) throw new Mismatch('expected a timedelta for a timezone');
  const seconds = secondsOf(delta.args);
  const minutes = Math.floor(Math.abs(seconds) / 60);
  const rest = Math.abs(seconds) % 60;
  const text = `${seconds < 0 ? '-' : '+'}${digits(Math.floor(minutes / 60), 2)}:${digits(minutes % 60, 2)}`;
  return rest === 0 ? text : `${text}:${digits(rest, 2)}`;
}

function packedBytes(packed: unknown, length: number): Uint8Array {
  const bytes = asBytes(packed, 'a date');
  if (bytes.length !== length) throw new Mismatch(`expected ${length} bytes for a date, got ${bytes.length}`);
  return bytes;
}

/** The highest bit of the month tells the second of two equal times when clocks go back. */
function date(bytes: Uint8Array): string {
  const [high, low, month, day] = bytes as unknown as [number, number, number, number];
  return `${digits(high * 256 + low, 4)}-${digits(month & 0x7f, 2)}-${digits(day, 2)}`;
}

function time(bytes: Uint8Array, at: number): string {
  const [hour, minute, second, a, b, c] = bytes.subarray(at) as unknown as number[] & { length: 6 };
  const micros = ((a as number) << 16) | ((b as number) << 8) | (c as number);
  const text = `${digits((hour as number) & 0x7f, 2)}:${digits(minute as number, 2)}:${digits(second as number, 2)}`;
  return micros === 0 ? text : `${text}.${digits(micros, 6)}`;
}

function zoneText(zone: unknown): string {
  const isFixed = zone instanceof PyObject && zone.className === 'datetime.timezone';
  return isFixed ? offsetText(zone.args[0]) : '';
}
