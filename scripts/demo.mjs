/** `npm run demo`: shows what the engine does, in a fresh clone too. */
import { spawnSync } from 'node:child_process'
import { join, relative } from 'node:path'
import { build, helpIfAsked, install, ROOT } from './setup.mjs'

helpIfAsked(`Shows what the engine does: installs and builds what is missing, reconstructs one face of a real photo, and says where the results
are. On two cores that takes about half a minute.

Usage: npm run demo -- [options]

The options are those of sider reconstruct: npm run sider -- reconstruct --help

Example: npm run demo -- --preset preview
`)
install()
build()

// One of the group photos that the development dependency @vladmandic/face-api ships.
const photo = join(ROOT, 'node_modules/@vladmandic/face-api/demo/sample3.jpg')
const face = 0
const folder = join(ROOT, 'out/demo')
const show = (path) => relative(process.cwd(), path) || '.'

console.log(`Reconstructing face ${face} of ${show(photo)}.`)
console.log('On two cores this takes about half a minute.\n')
const args = ['reconstruct', photo, '-o', folder, '--face', String(face), ...process.argv.slice(2)]
const { status } = spawnSync(process.execPath, [join(ROOT, 'dist/cli.js'), ...args], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

console.log(`
Look at:
  ${show(join(folder, 'sheet.png'))}     photo, coarse fit, render, depth, normals, detailed face side by side
  ${show(join(folder, 'progress.png'))}  how the detail grew
  ${show(join(folder, 'face.glb'))}      the face, for Blender, three.js or any glTF viewer
  ${show(join(folder, 'report.json'))}   settings, timings, losses`)
