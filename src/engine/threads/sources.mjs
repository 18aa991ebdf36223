// What a thread runs where the program runs from its sources (tests, benches): the same, through tsx. Not part of the build.
import { register } from 'tsx/esm/api'

register()
await import('./program.ts')
