/*
 * base/jsonb.h: jsonb as text, letter by letter as PostgreSQL writes it.
 *
 * PostgreSQL's own writer copies each string and number on its way, and the whole
 * where it runs out of room; nobody wipes those.
 */
#ifndef SECRETS_BASE_JSONB_H
#define SECRETS_BASE_JSONB_H

#include "utils/jsonb.h"

/* How many bytes it takes, exactly. */
extern Size jsonb_text_len(const Jsonb *value);

/* Writes them, and leaves no copy; no zero byte behind them. */
extern void jsonb_write_text(const Jsonb *value, char *out);

#endif
