/*
 * redact/literals.h: secrets.literals, what is said to who writes a value into a
 * statement.
 */
#ifndef SECRETS_REDACT_LITERALS_H
#define SECRETS_REDACT_LITERALS_H

#include "nodes/parsenodes.h"

extern void literals_init(void);

/*
 * A statement that names something which takes a value, as it was analysed, before
 * anything is put in for its parameters: tells the caller, or refuses.
 */
extern void literals_look(Query *query);

/* Whether a utility statement executes what was prepared by a statement that takes a value. */
extern bool literals_executes(Node *utility);

#endif
