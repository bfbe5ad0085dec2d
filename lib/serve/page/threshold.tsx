import { useState } from 'preact/hooks';
import type { Curve, CurvePoint } from './api.ts';

interface Props {
  readonly curve: Curve | undefined;
  readonly threshold: number;
  setThreshold(threshold: number): void;
  calibrate(falseMatchRate: number): void;
}

const percent = (share: number) => `${(100 * share).toPrecision(3)} %`;

/** The point of the curve at a threshold: what is at least as much is taken for a match. */
export function pointAt({ points }: Curve, threshold: number): CurvePoint | undefined {
  return points.findLast((point) => point.threshold >= threshold - 1e-9) ?? points[0];
}

/** The slider, and what it means on the entries whose identity is known. */
export function ThresholdPanel({ curve, threshold, setThreshold, calibrate }: Props) {
  const [rate, setRate] = useState('0.001');
  const point = curve === undefined ? undefined : pointAt(curve, threshold);
  return (
    <section aria-label="Threshold">
      <h2>Match or unknown</h2>
      <label>
        Least similarity of a match: <output>{threshold.toFixed(3)}</output>
        <input
          id="threshold"
          type="range"
          min="-1"
          max="1"
          step="0.005"
          value={threshold}
          onInput={(event) => setThreshold(Number(event.currentTarget.value))}
        />
      </label>
      {curve !== undefined && point !== undefined && (
        <>
          <p id="rates">
            {percent(point.truePositives)} of {curve.genuinePairs.toLocaleString('en')} true pairs are found,{' '}
            {percent(point.falsePositives)} of {curve.impostorPairs.toLocaleString('en')} others are mistaken.
          </p>
          <Roc curve={curve} point={point} />
          <form
            onSubmit={(event) => {
              event.preventDefault();
              calibrate(Number(rate));
            }}
          >
            <label>
              Promise a false-match rate
              <input
                type="text"
                inputMode="decimal"
                value={rate}
                onInput={(event) => setRate(event.currentTarget.value)}
              />
            </label>
            <button type="submit">Calibrate</button>
          </form>
        </>
      )}
      {curve === undefined && <p class="soft">The curve needs entries with an identity.</p>}
    </section>
  );
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [260, 170, 34, 26];
const LEAST = 1e-5;
const x = (rate: number) => LEFT + ((Math.log10(Math.max(LEAST, rate)) + 5) / 5) * (WIDTH - LEFT - 6);
const y = (share: number) => 6 + (1 - share) * (HEIGHT - BOTTOM - 6);

function Roc({ curve, point }: { curve: Curve; point: CurvePoint }) {
  const line = curve.points.map(
    (each) => `${x(each.falsePositives).toFixed(1)},${y(each.truePositives).toFixed(1)}`,
  );
  return (
    <svg
      class="roc"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label="True pairs found over others mistaken, for all thresholds"
    >
      <path class="axis" d={`M${LEFT} 6V${HEIGHT - BOTTOM}H${WIDTH - 6}`} />
      {[0, 0.5, 1].map((share) => (
        <text key={share} x={LEFT - 4} y={y(share) + 4} text-anchor="end">
          {100 * share} %
        </text>
      ))}
      {[-5, -4, -3, -2, -1, 0].map((power) => (
        <text key={power} x={x(10 ** power)} y={HEIGHT - BOTTOM + 12} text-anchor="middle">
          {power === 0 ? '1' : `1e${power}`}
        </text>
      ))}
      <text x={(WIDTH + LEFT) / 2} y={HEIGHT - 3} text-anchor="middle">
        others mistaken
      </text>
      <polyline class="curve" points={line.join(' ')} />
      <circle cx={x(point.falsePositives)} cy={y(point.truePositives)} r="5" />
    </svg>
  );
}
