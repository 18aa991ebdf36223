/**
 * What changes in Redis in one step, as Lua. A job is a hash: its record as JSON with the state and the attempt beside it, a version
 * that every change replaces (who changes names the one he has read), the number of the last event, its place in the queue, and
 * the newest progress and previews. Events are texts `<seq> <JSON without job and seq>`; those that count are in a list too.
 *
 *   {sider}:job:<id>      the job                     {sider}:events:<id>  its events that count
 *   {sider}:owner:<name>  ids by time of creation     {sider}:keys         ids by owner and idempotency key
 *   {sider}:counts        jobs by state               {sider}:ended        ids by the time of their end
 *   {sider}:waiting       ids by their order          {sider}:unsent       ids that BullMQ is yet to be told of, by time
 *   {sider}:rounds        fair share, see `place`     {sider}:rubbish      ids whose bytes are to go, by the time from which
 *   {sider}:bytes         bytes of ended jobs         {sider}:joined       how many have ever joined the queue
 *   {sider}:live:<id>     the channel of its events   {sider}:since        waiting ids by the time from which
 */
import { PREFIX } from './connection.js'

/** Place in the queue: class of priority times this, plus the round. */
export const CLASS = 2 ** 19

const COMMON = `
local P = '${PREFIX}:'
local id = ARGV[1]
local job = P .. 'job:' .. id
local function number(text)
  local seq = redis.call('HINCRBY', job, 'seq', 1)
  local event = seq .. ' ' .. text
  redis.call('PUBLISH', P .. 'live:' .. id, event)
  return event
end
local function keep(text, most)
  local list = P .. 'events:' .. id
  redis.call('RPUSH', list, number(text))
  while redis.call('LLEN', list) > tonumber(most) do
    redis.call('HSET', job, 'evicted', string.match(redis.call('LPOP', list), '^%d+'))
  end
end
`

/**
 * Fair share: owners in turn, by start-time fair queueing. A job's round is the one after its owner's last job, but not before the
 * round that is at work; within a round it is first come, first served.
 */
const PLACE = `
local function place(owner, class)
  local rounds = P .. 'rounds'
  local work = tonumber(redis.call('HGET', rounds, class) or 0)
  if work > ${CLASS / 2} and redis.call('ZCARD', P .. 'waiting') == 0 then
    redis.call('DEL', rounds)
    work = 0
  end
  local last = tonumber(redis.call('HGET', rounds, class .. ' ' .. owner) or 0)
  local round = math.min(math.max(work, last + 1), ${CLASS - 1})
  redis.call('HSET', rounds, class .. ' ' .. owner, round)
  local at = class * ${CLASS} + round
  -- Among equals first come, first served: as BullMQ has it.
  local order = string.format('%.0f', at * 4294967296 + redis.call('INCR', P .. 'joined') % 4294967296)
  redis.call('HSET', job, 'place', at, 'order', order)
  return at
end
local function wait()
  redis.call('ZADD', P .. 'waiting', redis.call('HGET', job, 'order'), id)
end
`

/** @returns the id of the job, an earlier one of the same key perhaps, and its place in the queue; 'full' */
const CREATE = `${COMMON}${PLACE}
local version, record, owner, key, most, time, class, event, kept = unpack(ARGV, 2)
if redis.call('HGET', job, 'version') == version then return {id, tonumber(redis.call('HGET', job, 'place'))} end
if key ~= '' then
  local same = redis.call('HGET', P .. 'keys', key)
  if same then return {same, 0} end
end
if redis.call('ZCARD', P .. 'waiting') >= tonumber(most) then return {'full', 0} end
redis.call('HSET', job, 'version', version, 'record', record, 'state', 'queued', 'owner', owner, 'key', key, 'since', time)
if key ~= '' then redis.call('HSET', P .. 'keys', key, id) end
redis.call('ZADD', P .. 'owner:' .. owner, time, id)
redis.call('HINCRBY', P .. 'counts', 'queued', 1)
redis.call('ZREM', P .. 'rubbish', id)
local at = place(owner, tonumber(class))
wait()
redis.call('ZADD', P .. 'since', time, id)
redis.call('ZADD', P .. 'unsent', time, id)
keep(event, kept)
return {id, at}
`

/**
 * The place of a job's record by another one.
 * mode: 'wait' it joins the queue, 'back' it has its place again, 'start' a worker takes it, 'end', or '' none of these.
 * @returns its place in the queue; -1 if there is no such job, -2 if it was changed since it was read
 */
const CHANGE = `${COMMON}${PLACE}
local version, made, record, state, attempt, mode, time, bytes, class, kept = unpack(ARGV, 2, 11)
local was, before, owner, at = unpack(redis.call('HMGET', job, 'version', 'state', 'owner', 'place'))
at = tonumber(at or 0)
if not was then return -1 end
if was == made then return at end
if was ~= version then return -2 end
redis.call('HSET', job, 'version', made, 'record', record, 'state', state, 'attempt', attempt)
redis.call('HINCRBY', P .. 'counts', before, -1)
redis.call('HINCRBY', P .. 'counts', state, 1)
if mode == 'wait' then
  at = place(owner, tonumber(class))
  redis.call('HSET', job, 'since', time)
  redis.call('ZADD', P .. 'unsent', time, id)
end
if mode == 'wait' or mode == 'back' then
  wait()
  redis.call('ZADD', P .. 'since', redis.call('HGET', job, 'since'), id)
else
  redis.call('ZREM', P .. 'waiting', id)
  redis.call('ZREM', P .. 'since', id)
  redis.call('ZREM', P .. 'unsent', id)
end
if mode == 'start' then
  local work = tonumber(redis.call('HGET', P .. 'rounds', class) or 0)
  redis.call('HSET', P .. 'rounds', class, math.max(work, at % ${CLASS}))
end
if mode == 'end' then
  redis.call('ZADD', P .. 'ended', time, id)
  redis.call('HSET', job, 'bytes', bytes)
  redis.call('INCRBY', P .. 'bytes', bytes)
  for _, name in ipairs(redis.call('HKEYS', job)) do
    if name == 'progress' or string.sub(name, 1, 8) == 'preview ' then redis.call('HDEL', job, name) end
  end
end
for i = 12, #ARGV do keep(ARGV[i], kept) end
return at
`

/**
 * Something of a job that goes on: of an attempt that no longer counts nothing is told.
 * field: where the newest of its kind is kept, '' for what is kept in the list
 * @returns the job's state, false if the attempt does not count
 */
const TELL = `${COMMON}
local attempt, field, text, kept = unpack(ARGV, 2)
local mine, state = unpack(redis.call('HMGET', job, 'attempt', 'state'))
if mine ~= attempt then return false end
if field == '' then keep(text, kept)
elseif text ~= '' then redis.call('HSET', job, field, number(text)) end
return state
`

/** @returns 1 if the job, which must have ended, is gone */
const REMOVE = `${COMMON}
local time = ARGV[2]
local owner, key, state, bytes = unpack(redis.call('HMGET', job, 'owner', 'key', 'state', 'bytes'))
if not owner or redis.call('ZREM', P .. 'ended', id) == 0 then return 0 end
if key ~= '' then redis.call('HDEL', P .. 'keys', key) end
redis.call('ZREM', P .. 'owner:' .. owner, id)
redis.call('HINCRBY', P .. 'counts', state, -1)
redis.call('DECRBY', P .. 'bytes', bytes or 0)
redis.call('ZADD', P .. 'rubbish', time, id)
redis.call('DEL', job, P .. 'events:' .. id)
return 1
`

export const SCRIPTS = { create: CREATE, change: CHANGE, tell: TELL, remove: REMOVE }
