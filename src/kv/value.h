/*
 * kv/value.h: a value in the clear, and its way into a box and out of one.
 */
#ifndef SECRETS_KV_VALUE_H
#define SECRETS_KV_VALUE_H

#include "utils/jsonb.h"

#include "base/buffer.h"
#include "base/pass.h"
#include "crypto/sealed_box.h"
#include "store/store.h"

/* Plaintext, in memory that wipes itself. */
typedef struct Plain
{
	SecretBuffer *bytes;
	BoxContent	content;
} Plain;

extern void value_init(void);

/*
 * From the caller's arguments.  54000 where it is larger than secrets.max_value_size.
 * What comes in, and what goes out, is in no line of the log from then on, whatever
 * statement tells it (redact/values.h); before anything can fail.
 */
extern Plain value_from_text(const text *value);
extern Plain value_from_bytes(const bytea *value);
extern Plain value_from_jsonb(const Jsonb *value);
extern Plain value_from_utf8(const char *value, Size len);

/* As value_from_text() does it, of text that is none: the name of a field. */
extern Plain value_from_words(const text *words);

/* The same for one that stays inside, and is handed to somebody else's code. */
extern void value_remember(const Plain *plain);

/*
 * To the caller, in a new datum of his.  Text is taken as UTF-8 into the
 * encoding of the database: 22P05, quoting nothing, where it cannot be.
 * 42809 for a binary value.
 */
extern text *value_to_text(const Plain *plain);
extern bytea *value_to_bytes(const Plain *plain);

/* Whether value_to_text() would refuse it, and why; NULL where it would not. */
extern const char *value_text_problem(const Plain *plain);

/* Bound to the secret's id, the version and the secret's name as they stand in the struct. */
extern SealedBox *value_seal(const GatePass *pass, const Secret *secret, int64 version, const Plain *plain);
extern Plain value_open(const GatePass *pass, const Secret *secret, const Version *version);

/* False: it does not verify. */
extern bool value_try_open(const GatePass *pass, const Secret *secret, const Version *version, Plain *plain);

#endif
