/** The methods by the names that the setting `method` has for them. */
import type { Settings } from '../config.js'
import type { Method } from './method.js'
import { NETWORKS } from './networks/index.js'
import { NEURAL } from './neural/index.js'
import { RELIEF } from './relief/index.js'

const METHODS: Record<Settings['method'], Method> = { networks: NETWORKS, relief: RELIEF, neural: NEURAL }

export const methodOf = ({ method }: Pick<Settings, 'method'>): Method => METHODS[method]
