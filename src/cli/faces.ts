/** `sider faces`: which faces a photo holds, as a list and as a picture with numbered boxes. */
import { parse } from 'node:path'
import { resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { identitySentence } from '../engine/outputs/identity-sentence.js'
import { writeFileAtomic } from '../engine/system/files.js'
import type { Command } from './command.js'
import { LANDMARK_OPTION, readCorrections } from './corrections.js'
import { readAssignments, SETTINGS_OPTIONS } from './run-options.js'

export const faces: Command = {
  name: 'faces',
  summary: 'list the faces of a photo, and show the landmarks and the head fitted to one',
  usage: '<photo> [options]',
  works: () => 'here',
  positionals: ['photo'],
  options: {
    picture: {
      value: 'FILE',
      description: 'where the picture with numbered boxes goes (default: <photo>-faces.png here)',
    },
    landmarks: { description: 'draw the landmarks into the picture too' },
    overlay: {
      value: 'FILE',
      description: 'fit a head to one face, and draw its contours and the numbered landmarks over the photo, enlarged',
    },
    face: { value: 'N', description: 'with --overlay: which face, counted from 0 (default: the largest)' },
    landmark: LANDMARK_OPTION,
    set: SETTINGS_OPTIONS.set,
  },
  examples: [
    ['sider faces group.jpg', 'list them, and write group-faces.png'],
    ['sider faces group.jpg --landmarks', 'show what was found in each'],
    ['sider faces photo.jpg --overlay overlay.png', 'are the landmarks right, and does the head follow them?'],
    ['sider faces photo.jpg --overlay overlay.png --landmark 57=412,530', 'and if the lower lip is there?'],
  ],
  async run({ positionals: [photo], options, shell }) {
    const overlay = options.text('overlay')
    const face = options.text('face') === 'list' ? undefined : options.text('face')
    const assignments = [...options.list('set'), ...(face === undefined ? [] : [`photo.face=${face}`])]
    const settings = resolveSettings({ overrides: readAssignments(assignments) })
    const corrections = readCorrections(options)
    if (overlay === undefined) {
      if (corrections) throw needsOverlay('landmark', '57=412,530')
      if (face !== undefined) throw needsOverlay('face', face)
    }
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
    const fitted = overlay === undefined ? undefined : await engine.faceOverlay(found, corrections, settings)
    if (overlay !== undefined && fitted) await writeFileAtomic(overlay, fitted.picture)
    if (options.has('json')) {
      const { picture: _, ...fit } = fitted ?? {}
      shell.stdout.write(`${JSON.stringify({ event: 'result', faces: list, picture, overlay, ...fit })}\n`)
      return
    }
    for (const { face, box, score } of list) {
      const [x, y, w, h] = [box.x, box.y, box.width, box.height].map(Math.round)
      shell.stdout.write(`${face}: ${w}x${h} pixels at (${x}, ${y}), confidence ${score.toFixed(2)}\n`)
    }
    shell.stdout.write(`Picture: ${picture}\nChoose one with --face N; without, the largest is taken.\n`)
    if (!fitted) return
    for (const warning of fitted.warnings) shell.stdout.write(`Note: ${warning}\n`)
    const missed = `the head misses the landmarks by ${(100 * fitted.landmarkRmsRelative).toFixed(1)} % of the distance of the eyes`
    shell.stdout.write(`Overlay: ${overlay} (${missed})\n${identitySentence(fitted.identityDetermined)}\n`)
    shell.stdout.write('Put a landmark in its place with --landmark N=X,Y, here and with sider reconstruct.\n')
  },
}

const needsOverlay = (name: string, value: string): SiderError =>
  new SiderError('USAGE', `--${name} needs --overlay FILE here`, {
    hint: { cli: `For example: --overlay overlay.png --${name} ${value}` },
  })
