/** Values of HEAD_PARTS in src/engine/stages.ts. */
export { HEAD_PARTS as PART } from '../../src/engine/stages.js'
