/*
 * nbody: the Sun and the four large planets, integrated with a symplectic Euler step.
 * Size: number of steps. Shows: double arithmetic, square root and division in a short loop nest.
 */
#include "bench.h"

#include <math.h>

#define PI 3.141592653589793
#define SOLAR_MASS (4 * PI * PI)
#define YEAR 365.24

enum { BODIES = 5 };

struct body {
    double x, y, z;
    double vx, vy, vz;
    double mass;
};

/* Positions in astronomical units, velocities in units per day, masses in Suns. */
static const struct body initial[BODIES] = {
    { 0, 0, 0, 0, 0, 0, 1 },
    { 4.84143144246472090, -1.16032004402742839, -0.103622044471123109,
      0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023,
      0.000954791938424326609 },
    { 8.34336671824457987, 4.12479856412430479, -0.403523417114321381,
      -0.00276742510726411063, 0.00499852801234917238, 0.0000230417297573763929,
      0.000285885980666130812 },
    { 12.8943695621391310, -15.1111514016986312, -0.223307578892655734,
      0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556,
      0.0000436624404335156298 },
    { 15.3796971148509165, -25.9193146099879641, 0.179258772950371181,
      0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870,
      0.0000515138902046611451 },
};

static struct body bodies[BODIES];
static double energy_before, energy_after;

static void place_bodies(void)
{
    double px = 0, py = 0, pz = 0;

    for (int i = 0; i < BODIES; i++) {
        struct body b = initial[i];

        b.vx *= YEAR;
        b.vy *= YEAR;
        b.vz *= YEAR;
        b.mass *= SOLAR_MASS;
        px += b.vx * b.mass;
        py += b.vy * b.mass;
        pz += b.vz * b.mass;
        bodies[i] = b;
    }
    bodies[0].vx = -px / SOLAR_MASS;
    bodies[0].vy = -py / SOLAR_MASS;
    bodies[0].vz = -pz / SOLAR_MASS;
}

static double energy(void)
{
    double e = 0;

    for (int i = 0; i < BODIES; i++) {
        const struct body *a = &bodies[i];

        e += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;

            e -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return e;
}

static void step(double dt)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];

        for (int j = i + 1; j < BODIES; j++) {
            struct body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double d2 = dx * dx + dy * dy + dz * dz;
            double pull = dt / (d2 * sqrt(d2));
            double to_a = pull * b->mass, to_b = pull * a->mass;

            a->vx -= dx * to_a;
            a->vy -= dy * to_a;
            a->vz -= dz * to_a;
            b->vx += dx * to_b;
            b->vy += dy * to_b;
            b->vz += dz * to_b;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        struct body *b = &bodies[i];

        b->x += dt * b->vx;
        b->y += dt * b->vy;
        b->z += dt * b->vz;
    }
}

static void kernel(int steps)
{
    place_bodies();
    energy_before = energy();
    for (int i = 0; i < steps; i++)
        step(0.01);
    energy_after = energy();
}

static void report(void)
{
    printf("energy %.7f -> %.7f\n", energy_before, energy_after);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 5000000, 100000, kernel, report);
}
