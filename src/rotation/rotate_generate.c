/*
 * rotation/rotate_generate.c: a value that stands for itself.
 *
 * Its kind and options are those of secrets.generate(), given with the schedule;
 * what is not given is as the secret was generated.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "gate/gate.h"
#include "rotation/options.h"
#include "rotation/rotator.h"

/* {"kind": ...} and the rest of it; how the secret was made, where the schedule says nothing. */
static struct varlena *
options_of(const Rotation *rotation, const Secret *secret)
{
	if (options_are_empty(rotation->options) && secret->generator)
		return secret->generator;
	return rotation->options;
}

static Generated
make(const Turn *turn)
{
	char	   *kind;
	struct varlena *rest = options_take_text(options_of(&turn->rotation, &turn->secret), "kind", &kind);

	return kv_make_value(kind ? kind : "password", rest);
}

/*
 * Options can leave so little to chance that whoever chose them knows the value:
 * so they are for who may write it anyhow.
 */
static void
require_write(const Turn *turn)
{
	if (!options_are_empty(turn->rotation.options))
		(void) gate_require(PRIV_WRITE, turn->secret.name);
}

/* That the options are good is known when a value was made by them: not from the first rotation at night. */
static void
check(Turn *turn, bool scheduling)
{
	Generated	sample;

	require_write(turn);
	if (!scheduling)
		return;
	sample = make(turn);
	buffer_free(sample.plain.bytes);
}

static Generated
rotate(Turn *turn)
{
	return make(turn);
}

bool
generate_makes_certificates(const Rotation *rotation, const Secret *secret)
{
	char	   *kind = NULL;

	if (strcmp(rotation->rotator, rotator_generate.name) == 0)
		(void) options_take_text(options_of(rotation, secret), "kind", &kind);
	return kind && strcmp(kind, "x509") == 0;
}

const Rotator rotator_generate = {.name = "generate",.check = check,.rotate = rotate};
