/** Stands in for the process that looks at faces: what it does is told by the photo's name of pixels, its width. */
import { readFileSync } from 'node:fs'

const {
  wire: code,
  retry,
  hints,
} = JSON.parse(readFileSync(new URL('../../schemas/errors.json', import.meta.url))).INTERNAL

process.on('disconnect', () => process.exit(0))
process.on('message', ({ id, ask }) => {
  const { width } = ask.photo
  if (width === 1) process.abort()
  if (width === 2) return // never answers
  if (width === 3)
    process.send({
      id,
      error: { code, name: 'INTERNAL', message: 'a fault in the server', retry, hints },
      fault: 'Error: at line 1',
    })
  else
    process.send({
      id,
      answer: { landmarks: [], lines: [], landmarkRmsRelative: 0, identityDetermined: process.pid, warnings: [] },
    })
})
