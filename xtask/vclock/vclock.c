/*
 * A prototype of the parallel virtual clock (see ../lab.md): per-vCPU virtual
 * time for QEMU 10.0 with -accel tcg,thread=single. It decided that the idea
 * works; it is dense, knows one QEMU layout and has no tests. Write the real
 * one anew: small functions, names, every assumption about QEMU checked.
 *
 * "qemu-plugin.h" is the plugin API's header of QEMU 10.0 (scoreboards and
 * inline operations, version 4): declare what is used of it yourself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "qemu-plugin.h"
QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* ---- what of QEMU itself is used (all exported by the binary) ---- */
typedef struct CPUState CPUState;
extern __thread CPUState *current_cpu;
extern bool cpu_thread_is_idle(CPUState *);
extern void cpu_exit(CPUState *);
extern void cpu_loop_exit_restore(CPUState *, uintptr_t) __attribute__((noreturn));
extern void tcg_cflags_set(CPUState *, uint32_t);
extern bool tcg_cflags_has(CPUState *, uint32_t);
extern void bql_lock_impl(const char *, int);
extern void bql_unlock(void);
extern bool bql_locked(void);
extern void qemu_timer_notify_cb(void *, int);
extern void tcg_handle_interrupt(CPUState *, int);
extern void *timerlist_new(int, void *, void *);
extern int64_t timerlist_deadline_ns(void *);
extern bool timerlist_run_timers(void *);
extern struct { void *tl[4]; } main_loop_tlg;
struct ops {                    /* AccelOpsClass, QEMU 10.0 */
    void *parent[12];
    void *init, *are_resettable, *reset_hold, *create, *kick;
    bool (*is_idle)(CPUState *);
    void *sync[5];
    void (*handle_interrupt)(CPUState *, int);
    int64_t (*get_clock)(void);
    void (*set_clock)(int64_t);
    int64_t (*get_ticks)(void);
};
extern struct ops *cpus_get_accel(void);
enum { VIRTUAL = 1, CF_PARALLEL = 0x8000, MAX = 64, U = 4 /* units per ns */ };
#define BIG (1ll << 40)
#define INF INT64_MAX

typedef struct { uint64_t cnt; } Vcpu;
static struct qemu_plugin_scoreboard *sb;
static int n;
static CPUState *cpus[MAX];
static int64_t off[MAX];
static int64_t gvt, quantum = 20000 * U, maxrun = 1000000 * U, override_t = -1;
static int token = -1, weight = 2 * U, rep_on = 1, pause_w = 40 * U, skip_on = 1;
static bool probing, paused[MAX];
static __thread bool in_rr;
static void *tl;
static struct { uint64_t picks, refused, timers, ff, wakes, shrink, pauses; } st;
static struct timespec t0;
static int64_t report_every, next_report;

static int64_t *cnt(int i) { return (int64_t *)&((Vcpu *)qemu_plugin_scoreboard_find(sb, i))->cnt; }
static int64_t now_of(int i) { return off[i] + *cnt(i); }
static void park(int i, int64_t t) { *cnt(i) = BIG; off[i] = t - BIG; }
static void grant(int i, int64_t t, int64_t end)
{
    int64_t k = end - t < 1 ? 1 : end - t;
    *cnt(i) = BIG - k; off[i] = t - *cnt(i);
}
static int index_of(CPUState *c) { for (int i = 0; i < n; i++) if (cpus[i] == c) return i; return -1; }
static bool idle(int i) { bool was = probing; probing = true; bool r = cpu_thread_is_idle(cpus[i]); probing = was; return r; }

static int64_t here(void)       /* local time of the caller, in units */
{
    if (in_rr) {
        if (override_t >= 0) return override_t;
        int i = index_of(current_cpu);
        if (i >= 0) return now_of(i);
    }
    return gvt;
}
static int64_t get_clock(void) { return here() / U; }

static int64_t deadline(void)   /* absolute, in units; -1: no timer */
{
    int64_t was = override_t;
    override_t = gvt;
    int64_t d = timerlist_deadline_ns(tl);
    override_t = was;
    return d < 0 ? -1 : (gvt / U + d) * U;
}
static void run_timers(int64_t t)
{
    bool locked = bql_locked();
    if (!locked) bql_lock_impl(__FILE__, __LINE__);
    override_t = t;
    timerlist_run_timers(tl);
    override_t = -1;
    if (!locked) bql_unlock();
    st.timers++;
}
static double wall(void)
{
    struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec - t0.tv_sec + (t.tv_nsec - t0.tv_nsec) / 1e9;
}
static void report(void)
{
    fprintf(stderr, "vclock: virtual %.6f s wall %.3f s picks %lu refused %lu timers %lu jumps %lu wakes %lu shrinks %lu pauses %lu\n",
            gvt / (1e9 * U), wall(), st.picks, st.refused, st.timers, st.ff, st.wakes, st.shrink, st.pauses);
}
static void advance(int64_t t)
{
    if (t > gvt) gvt = t;
    if (report_every && gvt >= next_report) { report(); next_report = gvt + report_every; }
}

static void pick(void)          /* the laggard runs next */
{
    if (token >= 0) park(token, now_of(token));
    for (;;) {
        int64_t min = INF, second = INF; int who = -1;
        for (int i = 0; i < n; i++) {
            if (idle(i)) continue;
            int64_t t = now_of(i);
            if (t < gvt) park(i, t = gvt);
            if (t < min) { second = min; min = t; who = i; } else if (t < second) second = t;
        }
        token = who;
        if (who < 0) return;
        advance(min);
        int64_t d = deadline(), end = second == INF ? min + maxrun : second + quantum;
        if (d >= 0 && d <= min) { run_timers(min); continue; }
        if (d >= 0 && d < end) end = d;
        grant(who, min, end);
        paused[who] = false;
        st.picks++;
        return;
    }
}

static void on_budget(unsigned i, void *ud)
{
    uintptr_t ra = (uintptr_t)__builtin_return_address(0);
    if (token < 0 || token == (int)i || *cnt(token) >= BIG || idle(token)) pick();
    if (token == (int)i && *cnt(i) < BIG) return;
    st.refused++;
    cpu_exit(cpus[i]);
    cpu_loop_exit_restore(cpus[i], ra - 2);
}

static void on_pause(unsigned i, void *ud)       /* spinning: nothing changes before another CPU runs */
{
    if (token != (int)i) return;
    int64_t t = now_of(i), second = INF; bool alone = true;
    for (int j = 0; j < n; j++)
        {
        if (j == (int)i || idle(j)) continue;
        alone = false;
        if (!paused[j] && now_of(j) < second) second = now_of(j);
    }
    if (alone) return;
    st.pauses++;
    paused[i] = true;
    park(i, skip_on && second == INF ? t + 200 * U : second > t ? second : t);
}

static void shrink(int64_t end)
{
    if (!in_rr || override_t >= 0 || token < 0 || cpus[token] != current_cpu || *cnt(token) >= BIG) return;
    int64_t t = now_of(token), cur = off[token] + BIG;
    if (end < cur) { grant(token, t, end); st.shrink++; }
}

static void handle_interrupt(CPUState *c, int mask)
{
    int j = index_of(c);
    bool was = j >= 0 && idle(j);
    tcg_handle_interrupt(c, mask);
    if (was && !idle(j)) {
        int64_t t = here(), own = now_of(j);
        park(j, own > t ? own : t);
        paused[j] = false;
        st.wakes++;
        shrink(t + quantum);
    }
}
static void notify(void *opaque, int type)
{
    if (!in_rr) { qemu_timer_notify_cb(opaque, type); return; }
    int64_t d = deadline();
    if (d >= 0) shrink(d);
}
static bool is_idle(CPUState *c)        /* halted and no work: maybe all are */
{
    if (probing || !in_rr || c != cpus[n - 1]) return true;
    for (;;) {
        for (int i = 0; i < n; i++) if (!idle(i)) return false;
        int64_t d = deadline();
        if (d < 0) return true;
        advance(d);
        st.ff++;
        run_timers(gvt);
    }
}

static void hook(void)
{
    struct ops *o = cpus_get_accel();
    void **t = main_loop_tlg.tl[VIRTUAL];
    if (o->handle_interrupt != tcg_handle_interrupt || o->get_clock || o->get_ticks || o->is_idle ||
        t[10] != (void *)qemu_timer_notify_cb) {
        fprintf(stderr, "vclock: unknown layout of this QEMU\n"); exit(1);
    }
    o->handle_interrupt = handle_interrupt;
    o->is_idle = is_idle;
    o->get_clock = get_clock;
    o->get_ticks = get_clock;
    tl = t;
    t[10] = notify;
}
static void vcpu_init(qemu_plugin_id_t id, unsigned i)
{
    in_rr = true;
    cpus[i] = current_cpu;
    if ((int)i >= n) n = i + 1;
    park(i, 0);
    tcg_cflags_set(current_cpu, CF_PARALLEL);
    if (i == 0) hook();
}

static bool is_rep_string(struct qemu_plugin_insn *in, bool *store, int *bytes)
{
    uint8_t b[16]; size_t k = qemu_plugin_insn_data(in, b, sizeof b), p = 0;
    bool rep = false, o16 = false, w = false;
    for (; p < k; p++) {
        if (b[p] == 0xf3 || b[p] == 0xf2) rep = true;
        else if (b[p] == 0x66) o16 = true;
        else if ((b[p] & 0xf0) == 0x40) w = b[p] & 8;
        else if (b[p] == 0x67 || b[p] == 0x2e || b[p] == 0x36 || b[p] == 0x3e || b[p] == 0x26 || b[p] == 0x64 || b[p] == 0x65) ;
        else break;
    }
    if (!rep || p >= k) return false;
    uint8_t op = b[p];
    if (op < 0xa4 || op > 0xaf || op == 0xa8 || op == 0xa9) return false;
    *store = op == 0xa4 || op == 0xa5 || op == 0xaa || op == 0xab;
    *bytes = !(op & 1) ? 1 : w ? 8 : o16 ? 2 : 4;
    return true;
}
static void tb_trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static bool swapped;
    if (!swapped) {     /* the main loop sees no virtual timers from now on */
        swapped = true;
        main_loop_tlg.tl[VIRTUAL] = timerlist_new(VIRTUAL, (void *)qemu_timer_notify_cb, NULL);
        clock_gettime(CLOCK_MONOTONIC, &t0);
    }
    qemu_plugin_u64 c = qemu_plugin_scoreboard_u64_in_struct(sb, Vcpu, cnt);
    size_t k = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_budget, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, c, BIG, NULL);
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, c, k * weight);
    for (size_t i = 0; rep_on && i < k; i++) {
        struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
        bool store; int bytes; uint8_t b[2];
        if (qemu_plugin_insn_data(in, b, 2) == 2 && b[0] == 0xf3 && b[1] == 0x90) {
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(in, QEMU_PLUGIN_INLINE_ADD_U64, c, pause_w);
            qemu_plugin_register_vcpu_insn_exec_cb(in, on_pause, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        else if (is_rep_string(in, &store, &bytes))
            qemu_plugin_register_vcpu_mem_inline_per_vcpu(in, store ? QEMU_PLUGIN_MEM_W : QEMU_PLUGIN_MEM_R,
                QEMU_PLUGIN_INLINE_ADD_U64, c, bytes);
    }
}
static void at_exit(qemu_plugin_id_t id, void *p) { report(); }

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        char *v = strchr(argv[i], '=');
        if (!v) return -1;
        double x = atof(v + 1);
        if (!strncmp(argv[i], "quantum=", 8)) quantum = x * U;
        else if (!strncmp(argv[i], "nspi=", 5)) weight = x * U;
        else if (!strncmp(argv[i], "maxrun=", 7)) maxrun = x * U;
        else if (!strncmp(argv[i], "pause=", 6)) pause_w = x * U;
        else if (!strncmp(argv[i], "skip=", 5)) skip_on = x;
        else if (!strncmp(argv[i], "rep=", 4)) rep_on = x;
        else if (!strncmp(argv[i], "costs=", 6)) ;
        else if (!strncmp(argv[i], "report=", 7)) report_every = x * 1e9 * U;
        else return -1;
    }
    sb = qemu_plugin_scoreboard_new(sizeof(Vcpu));
    qemu_plugin_register_vcpu_init_cb(id, vcpu_init);
    qemu_plugin_register_vcpu_tb_trans_cb(id, tb_trans);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
