/*
 * policy/privilege.h: the words for privileges, and sets of them.
 */
#ifndef SECRETS_POLICY_PRIVILEGE_H
#define SECRETS_POLICY_PRIVILEGE_H

#include "base/pass.h"

typedef uint32 PrivilegeSet;

#define PRIVILEGE(p)	((PrivilegeSet) 1 << (p))
#define ALL_PRIVILEGES	(PRIVILEGE(NUM_PRIVILEGES) - 1)

/* What 'all' gives: nothing that gives on, ends for good, or concerns others. */
#define ORDINARY_PRIVILEGES \
	(ALL_PRIVILEGES & ~(PRIVILEGE(PRIV_GRANT) | PRIVILEGE(PRIV_DESTROY) | PRIVILEGE(PRIV_AUDIT) | PRIVILEGE(PRIV_OPERATE)))

extern const char *privilege_name(Privilege privilege);

/* By its exact length, any case; false: no such word. */
extern bool privilege_find(const char *word, size_t len, Privilege *privilege);

/*
 * Words parted by commas or spaces, perhaps in braces; 'all' is what the
 * caller says it is.  False where there is none, or a word that is none.
 */
extern bool privilege_parse(const char *words, PrivilegeSet all, PrivilegeSet *set);

#endif
