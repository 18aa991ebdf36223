/** Imported first, this ends the import of the engine where it could not work: see memory.ts. */
import { assertAddressSpace } from './memory.js'

assertAddressSpace()
