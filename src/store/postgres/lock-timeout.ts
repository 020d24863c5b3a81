// A statement that waits for a lock of the schema's holds up everybody who comes after it: it gives up soon.

/** The first statement of a migration. */
export const giveUpSoon = 'set local lock_timeout = 3000'
