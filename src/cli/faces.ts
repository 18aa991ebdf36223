/** `sider faces`: which faces a photo holds, as a list and as a picture with numbered boxes. */
import { parse } from 'node:path'
import { resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { writeFileAtomic } from '../engine/files.js'
import type { Command } from './command.js'
import { readAssignments, SETTINGS_OPTIONS } from './run-options.js'

export const faces: Command = {
  name: 'faces',
  summary: 'list the faces of a photo, for --face',
  usage: '<photo> [options]',
  works: () => 'here',
  positionals: ['photo'],
  options: {
    picture: {
      value: 'FILE',
      description: 'where the picture with numbered boxes goes (default: <photo>-faces.png here)',
    },
    landmarks: { description: 'draw the landmarks into the picture too' },
    set: SETTINGS_OPTIONS.set,
  },
  examples: [
    ['sider faces group.jpg', 'list them, and write group-faces.png'],
    ['sider faces group.jpg --landmarks', 'show what was found in each'],
  ],
  async run({ positionals: [photo], options, shell }) {
    const settings = resolveSettings({ overrides: readAssignments(options.list('set')) })
    const engine = await shell.engine()
    const found = await engine.findFaces(photo, settings)
    if (found.faces.length === 0) {
      throw new SiderError('NO_FACE', `no face was found in ${photo}`, {
        stage: 'landmarks',
        hint: 'Choose a photo that shows a face larger and from the front, or give its landmarks to sider reconstruct with --landmarks.',
      })
    }
    const picture = options.text('picture') ?? `${parse(photo).name}-faces.png`
    await writeFileAtomic(picture, await engine.drawFaces(found.photo, found.faces, options.has('landmarks')))
    const list = found.faces.map(({ box, score }, face) => ({ face, box, score }))
    if (options.has('json')) {
      shell.stdout.write(`${JSON.stringify({ event: 'result', faces: list, picture })}\n`)
      return
    }
    for (const { face, box, score } of list) {
      const [x, y, w, h] = [box.x, box.y, box.width, box.height].map(Math.round)
      shell.stdout.write(`${face}: ${w}x${h} pixels at (${x}, ${y}), confidence ${score.toFixed(2)}\n`)
    }
    shell.stdout.write(`Picture: ${picture}\nChoose one with --face N; without, the largest is taken.\n`)
  },
}
