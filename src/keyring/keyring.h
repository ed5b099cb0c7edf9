/*
 * keyring/keyring.h: sealing and opening, and the keys it is done with.
 *
 * root key (outside the database) wraps master keys (rows of master_key, by
 * random id) open values.  Nobody outside this room sees a key.
 */
#ifndef SECRETS_KEYRING_KEYRING_H
#define SECRETS_KEYRING_KEYRING_H

#include "base/buffer.h"
#include "base/pass.h"
#include "box/box.h"

extern void keyring_init(void);

/* What secrets.root_key says now. */
extern const char *keyring_root_key_setting(void);

/* Whether this libcrypto gave the right known answers. */
extern bool keyring_crypto_works(void);

/* 58000, with a hint, unless there is a root key in memory. */
extern void keyring_require_open(void);

/*
 * Seals under the newest master key; makes the first one where there is none.
 * 58000 where the root key in memory is not the one this database needs:
 * nothing is ever written under a wrong one.
 */
extern SealedBox *keyring_seal_box(const GatePass *pass, BoxKind kind, BoxContent content,
								   const Bytes *fields, int nfields, const char *plain, Size len);

/*
 * Makes the first master key, where there is none, before anything else is
 * locked: two first writers wait for each other here, and nowhere else.
 */
extern void keyring_prepare_to_seal(const GatePass *pass);

typedef enum OpenResult
{
	OPEN_OK,
	OPEN_NO_KEY,				/* the master key that the box names is not in this database */
	OPEN_DIFFERENT				/* tampered with, moved, or not of these fields */
} OpenResult;

/*
 * Verifies, then decrypts.  On OPEN_OK *plain is a new buffer in the current
 * context.  Raises 58000 only.
 */
extern OpenResult keyring_try_open_box(const GatePass *pass, const SealedBox *box,
									   const Bytes *fields, int nfields, SecretBuffer **plain);

/* What happened, as XX001: for whoever tried. */
pg_noreturn extern void keyring_refuse_box(OpenResult result, const SealedBox *box);

/* The id of the master key that seals now; false where there is none yet. */
extern bool keyring_sealing_key(uint8_t id[BOX_ID_LEN], int64 *version);

/*
 * For the audit: MACs under a subkey of a master key.  Which key is told by
 * version; it is found by its id, for a version may be made twice (the first
 * time rolled back).
 */
typedef struct AuditKey
{
	int64		version;
	uint8_t		id[BOX_ID_LEN];
} AuditKey;

/* version 0: the newest that opens; while sealed, the newest.  False: there is none such. */
extern bool keyring_find_audit_key(int64 version, AuditKey *key);

/* False: sealed, or the root key in memory does not open that master key.  58000 where libcrypto refuses. */
extern bool keyring_mac(const AuditKey *key, const void *data, Size len, uint8_t mac[32]);

/* Whether there is a root key in memory; raises nothing. */
extern bool keyring_is_open(void);

/* False: the library was not preloaded, and no key will ever be. */
extern bool keyring_is_preloaded(void);

/* A new master key, which seals from this transaction's commit on.  Returns its version. */
extern int64 keyring_rotate(const GatePass *pass);

/* Root keys of this database: see api for what is refused.  ids are 16 hex digits. */
extern char *keyring_add_root(const GatePass *pass, const char *place);
extern void keyring_drop_root(const GatePass *pass, const char *id);

/* The id of the root key in memory, palloc'd, or NULL; and those that a set of wraps names. */
extern char *keyring_root_id(void);
extern char *keyring_wrap_root_id(const SealedBox *wrap);

/* For the whole server.  unseal: false while it stays sealed. */
extern void keyring_seal(const GatePass *pass);
extern bool keyring_unseal(const GatePass *pass, char **why);

typedef struct KeyringStatus
{
	const char *state;			/* ready, sealed, no_preload */
	char	   *why;			/* NULL where it is ready */
	char	   *source;			/* NULL where unknown */
	char	   *root_id;		/* NULL while sealed */
	int			nmasters;		/* 0: what follows says nothing */
	int64		master_version;
	uint8_t		master_id[BOX_ID_LEN];
} KeyringStatus;

extern void keyring_get_status(KeyringStatus *status);

#endif
