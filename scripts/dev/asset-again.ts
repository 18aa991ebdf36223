/**
 * Makes the assets of photos again from input that is kept (asset-input.ts), so that a try takes seconds.
 *
 *   npx tsx scripts/dev/asset-again.ts <photo>... -o <dir> [--set key=value]...
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { resolveSettings } from '../../src/engine/config.js'
import { embeddedPoints } from '../../src/engine/head/embedding.js'
import { assetFiles } from '../../src/engine/outputs/asset-files.js'
import { buildAsset } from '../../src/engine/pipeline/build-asset.js'
import type { Reconstruction } from '../../src/engine/run/types.js'
import { openThreads } from '../../src/engine/threads/index.js'
import { assetInput, fieldOf } from './asset-input.js'

const { values: options, positionals: photos } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', short: 'o', default: '.cache/asset-again/out' },
    kept: { type: 'string', default: '.cache/asset-again' },
    set: { type: 'string', multiple: true, default: [] },
  },
})
const overrides = Object.fromEntries(
  options.set
    .map((one) => one.split('='))
    .map(([key, value]) => [key, /^(true|false|[\d.]+)$/.test(value) ? JSON.parse(value) : value]),
)
const settings = resolveSettings({ preset: 'balanced', overrides })
const threads = openThreads(settings.threads)
for (const photo of photos) {
  const name = basename(photo, extname(photo))
  const kept = await assetInput(photo, join(options.kept, `${name}.input`), settings)
  const started = performance.now()
  const asset = await buildAsset({ ...kept, field: fieldOf(kept, settings) }, settings, threads)
  const result = { asset, settings, metric: kept.metric, fit: kept.evidence.fit, photo: kept.evidence.photo }
  const built = performance.now()
  const files = await assetFiles(result as unknown as Reconstruction, {})
  const { mesh, model, camera } = kept.evidence.fit
  const marks = embeddedPoints(mesh.positions, mesh.indices, model.landmarks68)
  const rows = [0, 4, 8, 12].map((r) => Array.from(camera.headToCamera.subarray(r, r + 4)))
  // what scripts/close-ups.ts asks for
  const more = {
    'landmarks.json': { points3d: Array.from({ length: 68 }, (_, i) => [...marks.subarray(3 * i, 3 * i + 3)]) },
    'camera.json': { ...camera, headToCamera: rows },
    'report.json': { photoSha256: '', settings: {}, quality: {} },
  }
  const seconds = [built - started, performance.now() - built].map((ms) => (ms / 1000).toFixed(2))
  console.log(`${name}: ${seconds[0]} s, files ${seconds[1]} s, textures of ${asset.textures.size}`)
  for (const [file, bytes] of Object.entries({ ...files, ...more })) {
    const to = join(options.output, name, file)
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, bytes instanceof Uint8Array || typeof bytes === 'string' ? bytes : JSON.stringify(bytes))
  }
}
process.exit(0)
