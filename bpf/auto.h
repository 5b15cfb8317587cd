/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of --auto: which policy serves the present load best, found by
 * trying the others in short turns.
 *
 * Pure functions of their arguments, like rotation.h: rotation-tests/ compiles
 * them for the host and drives them with made-up loads. auto.bpf.h reads the
 * signals and acts.
 *
 * How it works
 *	Time is cut into turns of one length. The policy in charge has nearly
 *	all of them; now and then another one has a single turn, between two of
 *	the one in charge. That turn's score less the mean of its neighbours'
 *	is one comparison, which a slow drift of the load does not touch. A
 *	score is a logarithm, so a difference is a ratio. Each policy's
 *	comparisons have a mean and an error; old ones fade. One that is better
 *	by more than its error and the noise takes charge.
 *
 *	What trials may cost is saved up: a turn under the policy in charge
 *	adds a share of its length, a trial takes its whole length. So trials
 *	never have more than that share of the time since load, but for ten
 *	turns that are lent at the start. Part of what was saved is kept for a
 *	new regime, when all is unknown again.
 *
 *	A new regime is noticed by the signals of the policy in charge alone: a
 *	two-sided cumulative sum of how far each is from its mean, in units of
 *	its usual distance.
 *
 * Numbers
 *	Logarithms, means and errors have 16 bits after the point, variances
 *	32, evidence 16 (a trial that did not fade counts 65536).
 *
 * Limits
 *	A score is clamped to a factor of 2^15 either way, a comparison to 16.
 */
#ifndef META_AUTO_H
#define META_AUTO_H

#include "regime.h"

#define AUTO_NOBODY META_AUTO_ARMS

/* A comparison beyond this says no more than this. */
#define AUTO_MOST (4 * FIXED_ONE)

/* 1 %, as a logarithm: less is not worth a change. */
#define AUTO_MARGIN 941

/* So many trials in a regime are needed to take charge, and for a usual error.
 */
#define AUTO_TRIALS_MIN 2
#define AUTO_TRIALS_FEW 3

/* More is old. */
#define AUTO_EVIDENCE_MAX (256 * FIXED_ONE)

/* Each turn takes so much of it: half is gone after 1419. */
#define AUTO_FADE_SHIFT 11

/* The noise's own mean is over so many comparisons. */
#define AUTO_NOISE_SHIFT 4
/* A difference counts as so many deviations at most. */
#define AUTO_NOISE_FAR 3

/*
 * So many turns of savings at most, and of those for a new regime only; and so
 * many are lent in the first regime, when all is unknown.
 */
#define AUTO_SAVED_MAX 30
#define AUTO_SAVED_KEPT 15
#define AUTO_LENT 10

/* A machine that is less busy, of 1024, has nothing to learn from. */
#define AUTO_BUSY 102

/*
 * What counts as nothing beside a rate: events in a second; CPU time, of 1024;
 * nanoseconds of a wake-up. Below it a ratio says little.
 */
#define AUTO_FEW_EVENTS 16
#define AUTO_LITTLE_CPU 10
#define AUTO_SHORT_WAIT 20000
/* A wake-up that is always added: where nobody wakes up, nobody waits little.
 */
#define AUTO_MADE_UP_WAIT 1000000

/*
 * What a turn came to, without its first part.
 *
 * @ns:      its length; 0: nothing was measured
 * @bursts:  tasks that went to sleep
 * @wakes:   tasks that woke up and got a CPU
 * @wait_ns: how long those waited, in all
 * @cpu_ns:  CPU time of all tasks
 * @hog_ns:  of it, what no sleep followed
 * @reward:  what the application itself counted
 */
struct auto_sample {
	u64 ns;
	u64 bursts;
	u64 wakes;
	u64 wait_ns;
	u64 cpu_ns;
	u64 hog_ns;
	u64 reward;
};

/* The same as logarithms of rates. */
enum auto_signal {
	AUTO_BURSTS,
	AUTO_HOGS,
	AUTO_PROMPT, /* the shorter waits are, the higher */
	AUTO_REWARD,
	AUTO_NR_SIGNALS,
};

struct auto_rates {
	s64 log[AUTO_NR_SIGNALS];
};

/*
 * @signal: how much of each is in a score, in 256ths
 * @share:  of the time for trials, in thousandths
 * @cpus:   that are online
 * @nr:     arms, of which the first is in charge to begin with
 */
struct auto_terms {
	int signal[AUTO_NR_SIGNALS];
	u32 share;
	u32 cpus;
	u32 nr;
};

/*
 * What is known of a policy against the one in charge.
 *
 * @scatter: variance of a comparison, as its own ones say
 * @known:   trials in this regime
 */
struct auto_arm {
	s64 mean;
	s64 scatter;
	u64 tried_at;
	u64 trials;
	u32 evidence;
	u32 known;
};

/*
 * @before:    score of the last turn of the one in charge, if @has_before
 * @trial:     score of the turn since then of the arm @tried
 * @in_charge: an arm, as are the next two; AUTO_NOBODY: none
 * @trying:    has the turn under way
 * @bag:       arms that this round has not tried yet, a bit each
 * @saved_ns:  for trials
 * @turns:     of the one in charge that the detectors have seen
 */
struct auto_state {
	struct auto_arm arms[META_AUTO_ARMS];
	struct regime_detector detectors[AUTO_NR_SIGNALS];
	s64 before;
	s64 trial;
	s64 noise;
	s64 saved_ns;
	u64 decided_ns;
	u64 tried_ns;
	u64 since;
	u64 regime_at;
	u32 in_charge;
	u32 trying;
	u32 tried;
	u32 bag;
	u32 turns;
	u32 changes;
	u32 regimes;
	u32 noises;
	u32 has_before;
	u32 unused;
};

static inline u32 auto_slot(u32 arm)
{
	rotation_hide(arm);
	return arm & (META_AUTO_ARMS - 1);
}

#define auto_for_each(arm) rotation_for(arm, 0, META_AUTO_ARMS)

/* A count of a turn as a rate; neither may be larger than a year of events. */
static inline u64 auto_rate(u64 count, u64 unit, u64 ns)
{
	/* Microseconds, so that the product of both fits. */
	u64 us = ns / ROTATION_US;

	if (count > (1ULL << 40))
		count = 1ULL << 40;
	return count * unit / (us | !us);
}

FIXED_FN int auto_rates(struct auto_rates *rates FIXED_ARG,
			const struct auto_sample *s FIXED_ARG)
{
	u64 wait = s->wait_ns < 1ULL << 60 ? s->wait_ns : 1ULL << 60;
	u64 wakes = s->wakes < 1ULL << 40 ? s->wakes : 1ULL << 40;

	rates->log[AUTO_BURSTS] = fixed_log2(
		auto_rate(s->bursts, 1000000, s->ns) + AUTO_FEW_EVENTS);
	rates->log[AUTO_HOGS] =
		fixed_log2(auto_rate(s->hog_ns / ROTATION_US, 1024, s->ns) +
			   AUTO_LITTLE_CPU);
	rates->log[AUTO_PROMPT] = -fixed_log2(
		(wait + AUTO_MADE_UP_WAIT) / (wakes + 1) + AUTO_SHORT_WAIT);
	rates->log[AUTO_REWARD] = fixed_log2(
		auto_rate(s->reward, 1000000, s->ns) + AUTO_FEW_EVENTS);
	return 0;
}

FIXED_FN s64 auto_score(const struct auto_terms *terms FIXED_ARG,
			const struct auto_rates *rates FIXED_ARG)
{
	s64 score = 0;
	u32 i;

	for (i = 0; i < AUTO_NR_SIGNALS; i++)
		score += fixed_clamp(rates->log[i], 64 * FIXED_ONE) *
			 terms->signal[i];
	return score >> 8;
}

/* The variance of a comparison: by its own scatter, but no less than noise. */
static inline s64 auto_variance(const struct auto_state *a, u32 arm)
{
	s64 scatter = a->arms[auto_slot(arm)].scatter;

	return scatter > a->noise ? scatter : a->noise;
}

/* Of a mean of comparisons with this variance. */
FIXED_FN s64 auto_error(s64 variance, u32 evidence)
{
	return fixed_sqrt(((u64)variance << 16) / (evidence | !evidence));
}

/* How much better it may be: of few trials, more. */
static inline s64 auto_at_most(const struct auto_state *a, u32 arm)
{
	const struct auto_arm *of = &a->arms[auto_slot(arm)];
	s64 error = auto_error(auto_variance(a, arm), of->evidence);

	return of->mean + (of->known < AUTO_TRIALS_FEW ? 3 : 2) * error;
}

/* Might it be better, by more than is worth a change? */
FIXED_FN bool auto_is_open(const struct auto_state *a FIXED_ARG, u32 arm)
{
	return !a->arms[auto_slot(arm)].known ||
	       auto_at_most(a, arm) > AUTO_MARGIN;
}

/* Nothing is known of it, or it looks better, which is not certain yet. */
static inline bool auto_is_urgent(const struct auto_state *a, u32 arm)
{
	const struct auto_arm *of = &a->arms[auto_slot(arm)];

	return of->known < AUTO_TRIALS_MIN || of->mean > AUTO_MARGIN;
}

/* Is it better beyond its error, and beyond twice what noise would make? */
FIXED_FN bool auto_is_better(const struct auto_state *a FIXED_ARG, u32 arm)
{
	const struct auto_arm *of = &a->arms[auto_slot(arm)];
	s64 margin = 2 * auto_error(a->noise, of->evidence);
	s64 error = auto_error(auto_variance(a, arm), of->evidence);

	if (margin < AUTO_MARGIN)
		margin = AUTO_MARGIN;
	return of->known >= AUTO_TRIALS_MIN && of->mean - 2 * error > margin;
}

/* A difference between two turns of the one in charge in a row. */
FIXED_FN int auto_learn_noise(struct auto_state *a FIXED_ARG, s64 difference)
{
	s64 off = fixed_clamp(difference, AUTO_MOST);

	/* A jump, as at a change of the load, is no noise. */
	if (a->noises >= 1U << AUTO_NOISE_SHIFT)
		off = fixed_clamp(off, AUTO_NOISE_FAR * fixed_sqrt(a->noise) +
					       AUTO_MARGIN);
	if (a->noises < 1U << AUTO_NOISE_SHIFT)
		a->noises++;
	/* Of one turn less the mean of two it is 3/4 of that of two turns. */
	a->noise += fixed_div((off * off >> 2) * 3 - a->noise, a->noises);
	return 0;
}

FIXED_FN int auto_learn(struct auto_state *a FIXED_ARG, u32 arm, s64 comparison,
			u64 now)
{
	struct auto_arm *of = &a->arms[auto_slot(arm)];
	u64 evidence = of->evidence + FIXED_ONE;
	s64 off = fixed_clamp(comparison, AUTO_MOST) - of->mean, square;

	if (evidence > AUTO_EVIDENCE_MAX)
		evidence = AUTO_EVIDENCE_MAX;
	of->evidence = evidence;
	of->mean += fixed_div(off * FIXED_ONE, evidence);
	/* Both sides of the mean as it moves: Welford's sum of squares. */
	square = off * (fixed_clamp(comparison, AUTO_MOST) - of->mean);
	if (evidence >= 2 * FIXED_ONE)
		of->scatter += fixed_div(square - of->scatter, evidence >> 16);
	of->tried_at = now;
	of->trials++;
	of->known++;
	return 0;
}

/* The signals are others now: what was usual is to be learnt again. */
static inline void auto_forget_usual(struct auto_state *a)
{
	u32 i;

	for (i = 0; i < AUTO_NR_SIGNALS; i++) {
		a->detectors[i].usual = 0;
		a->detectors[i].deviation = 0;
		a->detectors[i].above = 0;
		a->detectors[i].below = 0;
	}
	a->turns = 0;
	a->has_before = false;
}

/* What was known was known of another load. */
FIXED_FN int auto_begin_regime(struct auto_state *a FIXED_ARG, u64 now)
{
	u32 arm;

	for (arm = 0; arm < META_AUTO_ARMS; arm++) {
		a->arms[arm].mean = 0;
		a->arms[arm].scatter = 0;
		a->arms[arm].evidence = 0;
		a->arms[arm].known = 0;
	}
	a->bag = 0;
	a->regimes++;
	a->regime_at = now;
	auto_forget_usual(a);
	return 0;
}

/* @to takes charge; what is known of the others is known against it now. */
FIXED_FN int auto_take_charge(struct auto_state *a FIXED_ARG, u32 to, u64 now)
{
	struct auto_arm is = a->arms[auto_slot(to)];
	u32 from = a->in_charge, arm;

	for (arm = 0; arm < META_AUTO_ARMS; arm++) {
		struct auto_arm *of = &a->arms[arm];
		u64 sum = (u64)of->evidence + is.evidence;

		if (arm == to || arm == from)
			continue;
		of->mean = fixed_clamp(of->mean - is.mean, AUTO_MOST);
		of->evidence = (u64)of->evidence * is.evidence / (sum | !sum);
	}
	/* The same comparisons, seen from the other side. */
	a->arms[auto_slot(from)] = is;
	a->arms[auto_slot(from)].mean = -is.mean;
	a->arms[auto_slot(to)].mean = 0;
	a->in_charge = to;
	a->since = now;
	a->changes++;
	a->bag = 0;
	auto_forget_usual(a);
	return 0;
}

/* Is the load another one? */
static inline bool auto_is_new_regime(struct auto_state *a,
				      const struct auto_rates *rates)
{
	bool is_new = false;
	u32 i;

	for (i = 0; i < AUTO_NR_SIGNALS; i++)
		is_new |= regime_detect(&a->detectors[i], rates->log[i],
					a->turns);
	if (a->turns < REGIME_USUAL_OVER - 1)
		a->turns++;
	return is_new;
}

/* May the next turn show that it is? */
static inline bool auto_is_in_doubt(const struct auto_state *a)
{
	bool is = false;
	u32 i;

	for (i = 0; i < AUTO_NR_SIGNALS; i++)
		is |= regime_is_in_doubt(&a->detectors[i]);
	return is;
}

/*
 * One of the arms in @bag, which has some, by chance. Without a loop that
 * counts: the verifier of 7.3 follows each value of the count.
 */
static inline u32 auto_one_of(u32 bag, u32 random)
{
	u32 nr = (bag & 1) + (bag >> 1 & 1) + (bag >> 2 & 1) + (bag >> 3 & 1);
	u32 arm, i;

	random %= nr | !nr;
	/* The first ones of them are passed over. */
	for (i = 0; i < META_AUTO_ARMS - 1; i++) {
		if (i < random)
			bag &= ~(bag & (~bag + 1));
	}
	for (arm = 0; arm < META_AUTO_ARMS - 1; arm++) {
		if (bag & 1U << arm)
			break;
	}
	return arm;
}
_Static_assert(META_AUTO_ARMS == 4, "auto_one_of() counts four bits");

/* Who is tried next: one of the round at random, if it may be, or nobody. */
FIXED_FN u32 auto_pick(struct auto_state *a FIXED_ARG,
		       const struct auto_terms *terms FIXED_ARG, u64 turn_ns,
		       u32 random)
{
	u32 arm, open = 0, urgent = 0, found;
	s64 kept = AUTO_SAVED_KEPT * turn_ns;

	auto_for_each(arm) {
		if (arm >= terms->nr || arm == a->in_charge ||
		    !auto_is_open(a, arm))
			continue;
		open |= 1U << arm;
		if (auto_is_urgent(a, arm))
			urgent |= 1U << arm;
	}
	if (urgent)
		open = urgent;
	/* First let it be seen whether the load is still the same. */
	if (auto_is_in_doubt(a))
		return AUTO_NOBODY;
	if (urgent)
		kept = a->regimes ? 0 : -(s64)(AUTO_LENT * turn_ns);
	if (!open || a->saved_ns < kept + (s64)turn_ns)
		return AUTO_NOBODY;
	if (!(a->bag & open))
		a->bag = (1U << META_AUTO_ARMS) - 1;
	found = auto_one_of(a->bag & open, random);
	a->bag &= ~(1U << found);
	return found;
}

static inline void auto_save(struct auto_state *a, u32 share, u64 turn_ns)
{
	s64 most = AUTO_SAVED_MAX * turn_ns;

	a->decided_ns += turn_ns;
	if (a->trying != AUTO_NOBODY)
		a->tried_ns += turn_ns;
	else
		a->saved_ns += (s64)(turn_ns / 1000 * share);
	if (a->saved_ns > most)
		a->saved_ns = most;
}

static inline void auto_fade(struct auto_state *a)
{
	u32 arm;

	for (arm = 0; arm < META_AUTO_ARMS; arm++)
		a->arms[arm].evidence -=
			a->arms[arm].evidence >> AUTO_FADE_SHIFT;
}

/* The turn of the one in charge ended with @rates. */
static inline void auto_own_turn(struct auto_state *a,
				 const struct auto_terms *terms,
				 const struct auto_rates *rates, u64 now)
{
	s64 score = auto_score(terms, rates);
	u32 tried = a->tried;

	a->tried = AUTO_NOBODY;
	if (a->has_before)
		auto_learn_noise(a, score - a->before);
	else
		tried = AUTO_NOBODY;
	if (tried != AUTO_NOBODY) {
		auto_learn(a, tried, a->trial - ((a->before + score) >> 1),
			   now);
		if (auto_is_better(a, tried)) {
			auto_take_charge(a, tried, now);
			return;
		}
	}
	a->before = score;
	a->has_before = true;
	/* What a trial left behind is no news of the load. */
	if (tried == AUTO_NOBODY && auto_is_new_regime(a, rates))
		auto_begin_regime(a, now);
}

static inline bool auto_is_idle(const struct auto_terms *terms,
				const struct auto_sample *s)
{
	u32 cpus = terms->cpus;

	return s->cpu_ns / (cpus | !cpus) < s->ns / 1024 * AUTO_BUSY;
}

/* What came before and what comes after do not belong together. */
static inline void auto_pause(struct auto_state *a)
{
	a->trying = AUTO_NOBODY;
	a->tried = AUTO_NOBODY;
	a->has_before = false;
}

/*
 * A turn of @turn_ns ended, which came to @sample: the arm that has the next
 * one. @random decides what chance decides.
 */
static inline u32 auto_next(struct auto_state *a,
			    const struct auto_terms *terms,
			    const struct auto_sample *sample, u64 turn_ns,
			    u64 now, u32 random)
{
	u32 trying = a->trying;
	struct auto_rates rates;

	auto_save(a, terms->share, turn_ns);
	auto_fade(a);
	a->trying = AUTO_NOBODY;
	if (!sample->ns ||
	    (trying == AUTO_NOBODY && auto_is_idle(terms, sample))) {
		auto_pause(a);
		return a->in_charge;
	}
	auto_rates(&rates, sample);
	if (trying != AUTO_NOBODY) {
		a->trial = auto_score(terms, &rates);
		a->tried = trying;
		return a->in_charge;
	}
	auto_own_turn(a, terms, &rates, now);
	if (!a->has_before)
		return a->in_charge;
	a->trying = auto_pick(a, terms, turn_ns, random);
	if (a->trying == AUTO_NOBODY)
		return a->in_charge;
	a->saved_ns -= (s64)turn_ns;
	return a->trying;
}

/* Nothing is known, and the first arm is in charge. */
static inline void auto_begin(struct auto_state *a, u64 now)
{
	u32 arm;

	for (arm = 0; arm < META_AUTO_ARMS; arm++)
		a->arms[arm] = (struct auto_arm){};
	auto_forget_usual(a);
	a->in_charge = 0;
	a->trying = AUTO_NOBODY;
	a->tried = AUTO_NOBODY;
	a->since = now;
	a->regime_at = now;
}

#endif /* META_AUTO_H */
