import { DatabaseSync } from 'node:sqlite'

/** A database as SQL text: its schema as it stands there, then every row. */
export function dumpDatabase(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const schema = database
      .prepare("SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
      .all()
    const tables = schema.filter(({ type }) => type === 'table').map(({ name }) => String(name))
    // Not in the schema's own text, but without it numbers that were given out would be given again.
    if (schema.some(({ sql }) => /AUTOINCREMENT/.test(String(sql)))) tables.push('sqlite_sequence')
    const rows = tables.flatMap((table) => insertions(database, table))
    return [...schema.map(({ sql }) => `${String(sql)};`), ...rows, ''].join('\n')
  } finally {
    database.close()
  }
}

function insertions(database: DatabaseSync, table: string): readonly string[] {
  const columns = database
    .prepare(`PRAGMA table_info(${table})`)
    .all()
    .map(({ name }) => String(name))
  const quoted = columns.map((name) => `quote(${name})`).join(` || ', ' || `)
  return database
    .prepare(`SELECT ${quoted} AS texts FROM ${table} ORDER BY rowid`)
    .all()
    .map(({ texts }) => `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${String(texts)});`)
}

export function restoreDatabase(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(`BEGIN; ${sql}; COMMIT`)
  database.close()
}
