/*
 * operate/operate.h: the server's own state, for whoever operates it.
 *
 * It is the one room that knows both the keys and the rows: rekey carries
 * every value from an old master key to the newest.
 */
#ifndef SECRETS_OPERATE_OPERATE_H
#define SECRETS_OPERATE_OPERATE_H

/* Columns of secrets.status(). */
#define STATUS_COLUMNS 13

extern void operate_status(Datum *values, bool *nulls);

/* Each row of what endangers secrets here; see check.h. */
#define CHECK_COLUMNS 3
typedef void (*row_emitter) (Datum *values, bool *nulls, void *arg);
extern void operate_check(row_emitter emit, void *arg);

extern void operate_seal(void);
extern bool operate_unseal(void);
extern char *operate_add_root_key(const char *place);
extern void operate_drop_root_key(const char *id);
extern int64 operate_rotate_master_key(void);

/*
 * Commits after each batch; a kill anywhere loses one batch's work, and the
 * next call goes on from what is left.  To be called outside a transaction
 * block only.
 */
extern void operate_rekey(int batch);

#endif
