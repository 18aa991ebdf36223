/** The methods by the names that the setting `field.kind` has for them. */
import type { Settings } from '../config.js'
import type { Method } from './method.js'
import { NETWORKS } from './networks/index.js'
import { RELIEF } from './relief/index.js'

const METHODS: Record<Settings['field']['kind'], Method> = { network: NETWORKS, relief: RELIEF }

export const methodOf = ({ field }: Pick<Settings, 'field'>): Method => METHODS[field.kind]
