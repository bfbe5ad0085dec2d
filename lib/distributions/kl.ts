import { checkPositions } from '../options.ts';
import { ops, type Tensor } from '../tensor/index.ts';
import { Bernoulli } from './bernoulli.ts';
import { Beta } from './beta.ts';
import { Categorical } from './categorical.ts';
import { Dirichlet } from './dirichlet.ts';
import type { Distribution } from './distribution.ts';
import { Normal } from './normal.ts';

function ofNormals(p: Normal, q: Normal): Tensor {
  const ratio = p.scale.div(q.scale).pow(2);
  const distance = p.loc.sub(q.loc).div(q.scale).pow(2);
  return ratio.add(distance).sub(1).sub(ratio.log()).mul(0.5);
}

function ofBernoullis(p: Bernoulli, q: Bernoulli): Tensor {
  const { probs } = p;
  const gain = ops.aten.softplus(q.logits.neg()).sub(ops.aten.softplus(p.logits.neg())).mul(probs);
  return gain.add(ops.aten.softplus(q.logits).sub(ops.aten.softplus(p.logits)).mul(probs.rsub(1)));
}

function ofCategoricals(p: Categorical, q: Categorical): Tensor {
  const each = p.probs.mul(p.logits.sub(q.logits));
  const unlessNever = ops.aten.where(p.probs.eq(0).expandAs(each), 0, each);
  const impossible = q.probs.eq(0).logicalAnd(p.probs.ne(0));
  return ops.aten.where(impossible, Number.POSITIVE_INFINITY, unlessNever).sum([-1]);
}

function ofDirichlets(p: Dirichlet, q: Dirichlet): Tensor {
  const total = p.concentration.sum([-1]);
  const constant = total.lgamma().sub(q.concentration.sum([-1]).lgamma());
  const lgammas = p.concentration.lgamma().sub(q.concentration.lgamma()).sum([-1]);
  const slope = p.concentration.digamma().sub(total.digamma().unsqueeze(-1));
  return constant.sub(lgammas).add(p.concentration.sub(q.concentration).mul(slope).sum([-1]));
}

const asDirichlet = (beta: Beta) =>
  new Dirichlet(ops.aten.stack([beta.concentration1, beta.concentration0], -1), { validateArgs: false });

/**
 * Kullback-Leibler divergence of `q` from `p`, of two distributions of one kind: of shape `batchShape`.
 *
 * @throws TypeError for two kinds.
 * @example
 * distributions.klDivergence(new distributions.Normal(0, 1), new distributions.Normal(1, 2));
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  checkPositions('klDivergence', arguments, 2);
  if (p instanceof Normal && q instanceof Normal) return ofNormals(p, q);
  if (p instanceof Bernoulli && q instanceof Bernoulli) return ofBernoullis(p, q);
  if (p instanceof Categorical && q instanceof Categorical) return ofCategoricals(p, q);
  if (p instanceof Dirichlet && q instanceof Dirichlet) return ofDirichlets(p, q);
  if (p instanceof Beta && q instanceof Beta) return ofDirichlets(asDirichlet(p), asDirichlet(q));
  const name = (value: unknown) => (value as object)?.constructor?.name ?? typeof value;
  throw new TypeError(
    `Expected two distributions of one kind for klDivergence, got ${name(p)} and ${name(q)}`,
  );
}
