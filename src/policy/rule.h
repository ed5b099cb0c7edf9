/*
 * policy/rule.h: rules as rows, and those that may concern a name, kept in
 * memory, inside the room.
 */
#ifndef SECRETS_POLICY_RULE_H
#define SECRETS_POLICY_RULE_H

#include "access/htup.h"
#include "access/tupdesc.h"

#include "policy/policy.h"

enum
{
	RULE_ID = 1, RULE_EFFECT, RULE_PRIVILEGES, RULE_PATTERN, RULE_GRANTEE, RULE_GRANTEE_OID, RULE_GRANTEE_TAG,
	RULE_VALID_FROM, RULE_VALID_UNTIL, RULE_NETWORK, RULE_SSL, RULE_GRANTED_BY, RULE_GRANTED_AT,
	RULE_FOLDER, RULE_LEAF,
	RULE_WRITTEN_COLUMNS = RULE_GRANTED_AT
};

extern void rule_init(void);

/* Goes up with every change of a rule, and when the database gets its home. */
extern uint64 rule_generation(void);

/* Before anything is remembered: from here on the changes of these tables are heard. */
extern void rule_listen(void);

/* From a row of the table, or of a query that selects all its columns first and in order. */
extern void rule_decode(HeapTuple tuple, TupleDesc desc, Rule *rule);

/*
 * Called for each rule that may match the name and concern the role, no more
 * often than once; for name NULL those that may match everything.
 */
typedef void (*rule_visitor) (Rule *rule, void *arg);
extern void rule_visit(Oid role, const char *name, rule_visitor visit, void *arg);

/*
 * Whom the rules of one tag are for, while a restore may still be under way:
 * who bears it, or by the name that they were last given under.
 */
typedef struct Grantee
{
	char		tag[NAMEDATALEN];	/* the key */
	char		name[NAMEDATALEN];
	TimestampTz granted_at;
	pg_uuid_t	rule;			/* the one that was given last */
	Oid			likely;
	Oid			role;			/* InvalidOid: nobody */
} Grantee;

extern Oid	grantee_role(const char *tag);

/* Copies of those who have one, by its OID. */
extern List *grantees_with_role(void);

extern bool rule_network_contains(const Rule *rule, const inet *network);

#endif
