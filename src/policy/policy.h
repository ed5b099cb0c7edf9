/*
 * policy/policy.h: the rules, and what they say.  It decides and tells; whoever
 * asks refuses.
 *
 * A deny that matches beats every allow; what nothing allows is refused.  The
 * extension's owner and superusers may everything, unless
 * secrets.superuser_bypass is off.
 */
#ifndef SECRETS_POLICY_POLICY_H
#define SECRETS_POLICY_POLICY_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/inet.h"

#include "policy/privilege.h"
#include "policy/role.h"

#define PUBLIC_GRANTEE "public"

typedef struct Rule
{
	pg_uuid_t	id;
	bool		deny;
	PrivilegeSet privileges;
	char	   *pattern;
	char	   *grantee;		/* the name when it was given; see rule_grantee_name() */
	Oid			grantee_oid;	/* likely, see role.h; InvalidOid: everybody */
	char		grantee_tag[NAMEDATALEN];	/* "": everybody */
	TimestampTz valid_from;		/* DT_NOBEGIN, DT_NOEND: without an end on that side */
	TimestampTz valid_until;
	inet	   *network;		/* NULL: from anywhere */
	int			ssl;			/* 1, 0: only with, only without; -1: no matter */
	char	   *granted_by;
	TimestampTz granted_at;

	size_t		prefix;			/* length of the pattern up to its first star */
	Oid			role;			/* who that is by now, and of which state of roles and rules */
	uint64		role_known_at;
} Rule;

extern void policy_init(void);

/* ---- deciding ---- */

typedef struct Verdict
{
	bool		allowed;
	Ground		ground;
	pg_uuid_t	rule;			/* where a rule decided */
} Verdict;

/*
 * Whether role may do it with that name, from where this session comes, now.
 * name NULL: with everything, by rules for "**" alone.
 */
extern Verdict policy_decide(Oid role, Privilege privilege, const char *name);

/* Whether role passes every check. */
extern bool policy_passes_all(Oid role);
extern bool policy_bypass_is_on(void);

/*
 * Literal prefixes of the names on which role may hold the privilege, in "C"
 * order, none a prefix of another: how many, and a copy of them.  ANY_PRIVILEGE:
 * where it may hold any.
 */
#define ANY_PRIVILEGE NUM_PRIVILEGES
extern int	policy_scope(Oid role, Privilege privilege, const char ***prefixes);

/*
 * What is to be given, or taken: whether role holds all the privileges on
 * everything that the pattern matches, by one rule each, and no deny touches
 * any of it.  Where it shall last, the rule must be no narrower in time,
 * network or transport either: nobody gives on for longer, or for elsewhere,
 * than he has it himself.
 */
typedef struct Reach
{
	const char *pattern;
	bool		lasting;		/* else what follows is of no interest */
	TimestampTz valid_from;
	TimestampTz valid_until;
	const inet *network;
	int			ssl;
} Reach;

extern bool policy_covers(List *rules, Oid role, PrivilegeSet privileges, const Reach *reach);

/* ---- rules one by one ---- */

/* All of them, in no order. */
extern List *policy_read_rules(void);

extern bool rule_is_public(const Rule *rule);

/* The role it is for; InvalidOid: everybody, or (unbound) nobody. */
extern Oid	rule_role(Rule *rule);
extern bool rule_is_unbound(Rule *rule);
extern bool rule_concerns(Rule *rule, Oid role);

/* Its grantee's name by now; that of old where it is unbound. */
extern char *rule_grantee_name(Rule *rule);

/* active, future, expired, unbound */
extern const char *rule_state(Rule *rule);
extern bool rule_is_in_force(const Rule *rule, TimestampTz now);

/* Network and transport: can't tell, as over a Unix socket, is no for an allow and yes for a deny. */
extern bool rule_conditions_hold(const Rule *rule);

extern bool rule_matches(const Rule *rule, const char *name);
extern char *rule_id_text(const Rule *rule);

/* As text[], in the order of the enum; and back: words that are none are passed over. */
extern Datum rule_encode_privileges(PrivilegeSet set);
extern PrivilegeSet rule_decode_privileges(Datum array);

/* ---- changing ---- */

/*
 * Inserts it, or adds its privileges to the same rule, whose id it then has.
 * The grantee's role is locked and bears a tag.
 */
extern void policy_add_rule(Rule *rule);

/* Those of exactly this pattern, locked. */
extern List *policy_lock_rules(const char *pattern, bool deny);

/* Fewer privileges; none: the rule goes. */
extern void policy_take_privileges(Rule *rule, PrivilegeSet privileges);

/*
 * Makes this database the home of what is in it, unless it is: rules whose
 * grantee's tag is nowhere in this cluster bind by name, once and for all.
 */
extern void policy_settle(void);
extern bool policy_is_settled(void);

/*
 * Our triggers on the catalogs fire always: those that do not are set back, how
 * many is returned.  Not waiting, tables that others use are left for later.
 */
extern int	policy_set_triggers_back(bool wait);

#endif
