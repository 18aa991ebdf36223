/** Deepest self-intersections of drawn faces, keys alone and pairs. */
import { ARKIT } from '../../src/engine/asset/arkit.js'
import { loadBuiltInHead } from '../../src/engine/head/builtin.js'
import { deepestIntersection } from '../../test/support/self-intersection.js'
import { movedHead, withKeys } from '../../test/engine/asset/moved-head.js'
import { drawnHead, aboutRims, TOGETHER } from './cross-lib.js'
const model = await loadBuiltInHead()
const seeds = process.argv.slice(2).map(Number)
for (const seed of seeds) {
  const t0 = performance.now()
  const { opened, moved } = await movedHead(seed === 0 ? model : drawnHead(model, seed))
  const t1 = performance.now()
  const near = aboutRims(moved.positions, opened.indices)
  const depth = (names: readonly string[]) => {
    const keys = names.flatMap((n) => moved.keys.find((k) => k.name === n) ?? [])
    const p = withKeys(moved.positions, keys)
    const { depth, vertex } = deepestIntersection({ positions: p, indices: opened.indices }, near)
    return { mm: 1000 * depth, at: vertex < 0 ? [] : [0, 1, 2].map((k) => +(1000 * moved.positions[3 * vertex + k]).toFixed(1)) }
  }
  const alone = ARKIT.map(({ name }) => ({ name, ...depth(name === 'mouthClose' ? ['mouthClose', 'jawOpen'] : [name]) })).sort((a, b) => b.mm - a.mm)
  const pairs = TOGETHER.map((names) => ({ name: names.join('+'), ...depth(names) })).sort((a, b) => b.mm - a.mm)
  const show = (l: any[], n: number) => l.slice(0, n).map((x) => `${x.name} ${x.mm.toFixed(3)} @${x.at}`).join('; ')
  console.log(seed, `${((t1 - t0) / 1000).toFixed(1)}s ${((performance.now() - t1) / 1000).toFixed(1)}s`, 'rest', depth([]).mm.toFixed(3), '| ALONE', show(alone, 5), '| PAIRS', show(pairs, 4))
}
