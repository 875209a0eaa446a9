# SPDX-License-Identifier: Apache-2.0
"""Oracles of the neuron models: closed forms, a slow loop, and ODEs solved to 1e-11.

Nothing here reads a template or a constant of a model; the ODE comes from its
``derivative``, the equation as written, without discretization.
"""

import math

import numpy as np
from scipy.integrate import solve_ivp


def exponential_psp(t, tau_mem, tau_syn):
    """v(t) for a current exp(-t/tau_syn) through 1 ohm, tau_mem != tau_syn."""
    factor = tau_syn / (tau_mem - tau_syn)
    return factor * (np.exp(-t / tau_mem) - np.exp(-t / tau_syn))


def alpha_psp(t, tau_mem, tau_syn):
    """v(t) for a current (t/tau_syn) exp(1 - t/tau_syn) through 1 ohm, tau_mem != tau_syn."""
    q = 1 / tau_syn - 1 / tau_mem
    grown = (1 - (1 + q * t) * np.exp(-q * t)) / q**2
    return math.e / (tau_mem * tau_syn) * np.exp(-t / tau_mem) * grown


def ticks_to_threshold(dt, tau_mem, v_reset, v_inf, v_th):
    """First whole tick at which a membrane relaxing from v_reset to v_inf has reached v_th."""
    return math.ceil(tau_mem / dt * math.log((v_inf - v_reset) / (v_inf - v_th)))


def relax(model, state, times, i_ext=0.0):
    """States of a model at ``times``, from its ODE alone, without events."""
    names = list(state)

    def rhs(_, y):
        rates = model.derivative(dict(zip(names, y, strict=True)), i_ext)
        return [float(rates.get(name, 0.0)) for name in names]

    start = [float(state[name]) for name in names]
    found = solve_ivp(
        rhs, (0.0, times[-1]), start, method="DOP853", t_eval=times, rtol=1e-11, atol=1e-22
    )
    return dict(zip(names, found.y, strict=True))


def spike_times(model, state, t_end, i_ext, peak, after):
    """Spike times of an ODE whose ``v`` is stopped at ``peak``; ``after`` resets the state."""
    names, times, start = list(state), [], 0.0

    def rhs(_, y):
        rates = model.derivative(dict(zip(names, y, strict=True)), i_ext)
        return [float(rates[name]) for name in names]

    def reached(_, y):
        return y[names.index("v")] - peak

    reached.terminal, reached.direction = True, 1
    while start < t_end:
        # The solver tries stages beyond the peak, where an exponential overflows.
        with np.errstate(over="ignore", invalid="ignore"):
            found = solve_ivp(
                rhs,
                (start, t_end),
                [float(state[name]) for name in names],
                method="DOP853",
                events=reached,
                rtol=1e-10,
                atol=1e-18,
            )
        if found.status != 1:
            break
        start = float(found.t[-1])
        times.append(start)
        state = after(dict(zip(names, found.y[:, -1], strict=True)))
    return np.array(times)


def izhikevich_published(a, b, c, d, current, steps):
    """Ticks in which the code of Izhikevich (2003) sees ``v >= 30``, for 1 ms steps.

    In mV and ms. The published loop looks at v at the start of a step and lists the spike
    in that step; listed here is the step before, in which v got there.
    """
    v = -65.0
    u = b * v
    fired = []
    for t in range(steps + 1):
        if v >= 30:
            fired.append(t - 1)
            v = c
            u = u + d
        v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
        v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
        u = u + a * (b * v - u)
    return fired


def diehl_cook_excitatory(arrivals, steps, min_isi_ticks):
    """Spike ticks and theta of one excitatory cell of Diehl & Cook, in mV, Euler, 0.5 ms.

    ``arrivals``: tick -> (weight on g_e, weight on g_i). After a spike the membrane is held
    for 10 ticks, and there is none until min_isi_ticks after it.
    """
    v, g_e, g_i, theta = -105.0, 0.0, 0.0, 20.0
    last, fired = -(10**9), []
    for t in range(steps):
        w_e, w_i = arrivals.get(t, (0.0, 0.0))
        g_e = g_e - g_e * 0.5 / 1.0 + w_e
        g_i = g_i - g_i * 0.5 / 2.0 + w_i
        if t - last > 10:
            v = v + 0.5 / 100.0 * ((-65.0 - v) + g_e * (0.0 - v) + g_i * (-100.0 - v))
        theta = theta * math.exp(-0.5 / 1e7)
        if v >= theta - 20.0 - 52.0 and t - last > 10 and t - last >= min_isi_ticks:
            fired.append(t)
            v, last, theta = -65.0, t, theta + 0.05
    return fired, theta
