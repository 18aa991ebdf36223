/** Assets of photos made again from input that is kept (asset-input.ts), so that a try takes seconds. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { embeddedPoints } from '../../src/engine/head/embedding.js'
import { assetFiles } from '../../src/engine/outputs/asset-files.js'
import { buildAsset } from '../../src/engine/pipeline/build-asset.js'
import type { Reconstruction } from '../../src/engine/run/types.js'
import { openThreads } from '../../src/engine/threads/index.js'
import { askedSettings } from '../asked-settings.js'
import { commandLine } from '../command-line.js'
import { assetInput, fieldOf } from './asset-input.js'

const HELP = `Makes the assets of photos again from what comes before, which is kept, so that a try takes seconds.

Usage: npx tsx scripts/dev/asset-again.ts <photo>... [options]

  -o, --output DIR   a folder for each photo (default .cache/asset-again/out)
  --kept DIR         what comes before the asset, kept from call to call (default .cache/asset-again)
  --set KEY=VALUE    any setting over preset balanced; repeatable

Example: npx tsx scripts/dev/asset-again.ts photo.jpg -o out/again --set surface.textureSize=1024
`

const { values: options, positionals: photos } = commandLine(
  HELP,
  {
    output: { type: 'string', short: 'o', default: '.cache/asset-again/out' },
    kept: { type: 'string', default: '.cache/asset-again' },
    set: { type: 'string', multiple: true, default: [] },
  },
  ['<photo>...'],
)
const settings = askedSettings(HELP, 'balanced', options.set)
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
