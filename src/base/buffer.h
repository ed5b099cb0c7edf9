/*
 * base/buffer.h: memory for plaintext, which wipes itself.
 *
 * A buffer lives in a memory context of its own, a child of the current one.
 * It is zeroed when it is freed, and when the parent is reset or deleted: on
 * return, on ERROR, at the end of the transaction.
 */
#ifndef SECRETS_BASE_BUFFER_H
#define SECRETS_BASE_BUFFER_H

typedef struct SecretBuffer SecretBuffer;

extern SecretBuffer *buffer_alloc(Size capacity);
extern char *buffer_data(SecretBuffer *buf);

/* How many bytes are in use; at first the whole capacity. */
extern Size buffer_len(SecretBuffer *buf);
extern void buffer_set_len(SecretBuffer *buf, Size len);

/* Wipes and frees. */
extern void buffer_free(SecretBuffer *buf);

/*
 * For a copy that somebody else's function made (detoasting, jsonb's output):
 * it is zeroed when the current context is reset or deleted.  Do not pfree it.
 */
extern void buffer_wipe_later(void *data, Size len);

/*
 * A child of the current context, for somebody else's code that copies what it is
 * given and frees it as it is: whatever was allocated there is zeroed when it is
 * reset or deleted, what was freed meanwhile too.  There is room for 64 kB, and
 * for 8 kB at once; beyond that nothing is promised.
 */
extern MemoryContext buffer_scratch(void);

#endif
