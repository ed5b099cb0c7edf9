// node-postgres: bound parameters, errors by code, prepared statements, LISTEN.
'use strict'
const { Client } = require('pg')

let n = 0
let failed = 0
function check (what, good) {
  n++
  if (!good) failed++
  console.log(`${good ? 'ok' : 'not ok'} ${n} - ${what}`)
}

async function main () {
  const db = new Client()
  await db.connect()
  const one = async (text, ...values) => {
    const { rows } = await db.query({ text, values, rowMode: 'array' })
    return rows[0][0]
  }
  const raises = async (what, code, ...query) => {
    try {
      await one(...query)
      check(what + ': nothing was raised', false)
    } catch (e) {
      const text = [e.message, e.detail, e.hint, e.where].join(' ')
      check(what, e.code === code && !text.includes('canary'))
    }
  }
  const names = ['client/node', 'client/node/bytes', 'client/node/json', 'client/node/new', 'client/node/none']
  const forget = async () => {
    for (const name of names) {
      if (await one('SELECT count(*)::int FROM secrets.secrets WHERE name = $1', name)) await one('SELECT secrets.delete($1)', name)
      for (const { id } of (await db.query('SELECT id FROM secrets.deleted WHERE name = $1', [name])).rows) await one('SELECT secrets.purge($1, $2)', name, id)
    }
  }
  await forget()

  // bigint comes as a string, as node-postgres has it.
  check('put', await one('SELECT secrets.put($1, $2)', names[0], 'first') === '1')
  const text = '\u00e4\u20ac\u{1f511} \'quoted\' \\ $1\n\ttab'
  check('non-ASCII put', await one('SELECT secrets.put($1, $2)', names[0], text) === '2')
  check('non-ASCII get', await one('SELECT secrets.get($1)', names[0]) === text)
  check('the empty string', await one('SELECT secrets.put($1, $2)', names[0], '') === '3' && await one('SELECT secrets.get($1)', names[0]) === '')
  check('named arguments', await one('SELECT secrets.put(name => $1, value => $2, if_version => $3)', names[0], 'x', 3) === '4')

  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  check('put_bytes', await one('SELECT secrets.put_bytes($1, $2)', names[1], every) === '1')
  check('get_bytes', every.equals(await one('SELECT secrets.get_bytes($1)', names[1])))
  // In binary the driver can read numbers and text; of bytes it makes UTF-8.
  const binary = (await db.query({ text: 'SELECT secrets.get($1) AS text, secrets.current_version($1) AS version', values: [names[0]], binary: true })).rows[0]
  check('in binary', String(binary.text) === 'x' && Number(binary.version) === 4)

  const value = { user: 'app', password: 'p\u00e4ss', port: 5432 }
  check('put JSON', await one('SELECT secrets.put($1, $2::jsonb)', names[2], JSON.stringify(value)) === '1')
  check('get JSON', JSON.stringify(JSON.parse(await one('SELECT secrets.get($1)', names[2])), Object.keys(value).sort()) === JSON.stringify(value, Object.keys(value).sort()))
  check('an object bound untyped is text', await one('SELECT secrets.put($1, $2)', names[2], value) === '2' && await one('SELECT secrets.get($1, $2)', names[2], 'password') === 'p\u00e4ss')
  check('patch', await one('SELECT secrets.patch($1, $2)', names[2], { port: null }) === '3')

  check('try_get of nothing', await one('SELECT secrets.try_get($1)', names[4]) === null)
  await raises('a NULL value', '22004', 'SELECT secrets.put($1, $2)', names[0], null)
  await raises('no such secret', '42704', 'SELECT secrets.get($1)', 'client/canary')
  await raises('check-and-set lost', '40002', 'SELECT secrets.put($1, $2, if_version => $3)', names[0], 'canary', 1)
  await raises('a bad name', '22023', 'SELECT secrets.put($1, $2)', 'a canary', 'canary')
  await raises('binary as text', '42809', 'SELECT secrets.get($1)', names[1])
  await one('SELECT secrets.disable($1)', names[0])
  await raises('disabled', '55000', 'SELECT secrets.get($1)', names[0])
  await one('SELECT secrets.enable($1)', names[0])

  // Prepared by name, once for the connection.
  const prepared = async name => (await db.query({ name: 'get', text: 'SELECT secrets.get($1) AS value', values: [name] })).rows[0].value
  for (let i = 0; i < 8; i++) await prepared(names[0])
  await one('SELECT secrets.rename($1, $2)', names[0], names[3])
  try {
    await prepared(names[0])
    check('prepared get after a rename', false)
  } catch (e) {
    check('prepared get after a rename', e.code === '42704')
  }
  check('prepared get under the new name', await prepared(names[3]) === 'x')
  await one('SELECT secrets.rotate_master_key()')
  await db.query('CALL secrets.rekey()')
  check('prepared get after a rekey', await prepared(names[3]) === 'x')

  // The inbox by INSERT: this driver has no COPY of its own.
  await db.query('INSERT INTO secrets.inbox (name, value, description) VALUES ($1, $2, $3)', [names[2], 'inbox \u20ac', 'words'])
  check('the inbox', await one('SELECT secrets.get($1)', names[2]) === 'inbox \u20ac')

  const channel = await one('SELECT secrets.watch($1)', names[3])
  const writer = new Client()
  await writer.connect()
  const heard = new Promise((resolve, reject) => {
    db.once('notification', resolve)
    setTimeout(() => reject(new Error('no notification')), 10000).unref()
  })
  let early = true
  heard.then(() => { early = early && 'early' })
  await db.query('LISTEN ' + channel)
  await writer.query('BEGIN')
  const version = (await writer.query('SELECT secrets.put($1, $2) AS v', [names[3], 'canary'])).rows[0].v
  await one('SELECT 1')
  check('not before the commit', early === true)
  await writer.query('COMMIT')
  const message = await heard
  check('notified at the commit', message.channel === channel && message.payload === `{"version":${version},"event":"write"}`)
  await writer.end()

  // Rules.  A second session is the stranger, whose prepared statement outlives each change of a rule.
  await db.query("DELETE FROM secrets_catalog.rule WHERE pattern LIKE 'client/node%'")
  await db.query('DROP ROLE IF EXISTS "client-node"')
  await db.query('CREATE ROLE "client-node"')
  const stranger = new Client()
  await stranger.connect()
  await stranger.query('SET SESSION AUTHORIZATION "client-node"')
  await one('SELECT secrets.put($1, $2)', names[1], 'for a friend')
  const theirs = async (name = names[1]) => (await stranger.query({ name: 'get', text: 'SELECT secrets.get($1) AS value', values: [name] })).rows[0].value
  const refused = async (what, call) => {
    try {
      await call()
      check(what + ': nothing was raised', false)
    } catch (e) {
      check(what, e.code === '42501' && ![e.message, e.detail, e.hint, e.where].join(' ').includes('canary'))
    }
  }
  await refused('a stranger', theirs)
  await refused('a stranger and what is not there', () => theirs('client/canary'))
  await refused('a stranger who gives', () => stranger.query('SELECT secrets.grant($1, $2, $3)', ['read', 'client/canary/*', 'client-node']))
  const rule = await one('SELECT secrets.grant($1, $2, $3)', 'read, list', 'client/node/*', 'client-node')
  check('grant', await one('SELECT rule_id FROM secrets.grants WHERE grantee = $1', 'client-node') === rule)
  check('prepared get after a grant', await theirs() === 'for a friend')
  check('can', await one('SELECT secrets.can($1, $2, $3)', 'read', names[1], 'client-node') === true && await one('SELECT secrets.can($1, $2, $3)', 'write', names[1], 'client-node') === false)
  const until = new Date('2900-01-01T00:00:00Z')
  const denied = await one('SELECT secrets.deny(privileges => $1, pattern => $2, grantee => $3, valid_until => $4, network => $5, options => $6)', 'all', 'client/node/**', 'client-node', until, '10.0.0.0/8', { ssl: false })
  const shown = (await db.query('SELECT effect, privileges, valid_until, network, ssl FROM secrets.grants WHERE rule_id = $1', [denied])).rows[0]
  check('every argument bound', shown.effect === 'deny' && shown.privileges.length === 13 && shown.valid_until.getTime() === until.getTime() && shown.network === '10.0.0.0/8' && shown.ssl === false)
  await refused('prepared get after a deny', theirs)
  check('undeny', await one('SELECT secrets.undeny($1, $2, $3)', 'all', 'client/node/**', 'client-node') === 1)
  check('prepared get after undeny', await theirs() === 'for a friend')
  check('revoke', await one('SELECT secrets.revoke($1, $2, $3)', 'all', 'client/node/*', 'client-node') === 1)
  await refused('prepared get after revoke', theirs)
  await stranger.end()
  await db.query('DROP ROLE "client-node"')

  await forget()
  await db.end()
  console.log(`1..${n}`)
  process.exitCode = failed > 0 ? 1 : 0
}

main().catch(e => {
  console.error(e)
  process.exit(2)
})
