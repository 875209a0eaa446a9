// SPDX-License-Identifier: Apache-2.0
// Legality of the core's parameters. An illegal value instantiates a module that does not exist,
// so elaboration stops in every tool, with the name of the parameter in the message.
`default_nettype none

module spk_core_check #(
    parameter integer N      = 256,
    parameter integer A      = 256,
    parameter integer L      = 8,
    parameter integer WB     = 8,
    parameter integer VB     = 18,
    parameter integer AB     = 16,
    parameter integer D      = 8,
    parameter integer NSEG   = 512,
    parameter integer NPOP   = 16,
    parameter integer WWORDS = 16384,
    parameter integer EVQ    = 512,
    parameter integer SPKQ   = 512
) ();

  generate
    if ((N & (N - 1)) != 0 || N < 32 || N > 1024) begin : g_n
      spk_illegal_parameter_N u_n_must_be_a_power_of_two_from_32_to_1024 ();
    end
    if (A < 1 || A > 1024) begin : g_a
      spk_illegal_parameter_A u_a_must_be_1_to_1024 ();
    end
    if ((L != 2 && L != 4 && L != 8 && L != 16) || N / L > 256) begin : g_l
      spk_illegal_parameter_L u_l_must_be_2_4_8_or_16_and_n_over_l_at_most_256 ();
    end
    if ((WB != 4 && WB != 8 && WB != 16) || (L * WB) % 16 != 0) begin : g_wb
      spk_illegal_parameter_WB u_wb_must_be_4_8_or_16_and_l_times_wb_a_multiple_of_16 ();
    end
    if (VB < 16 || VB > 18) begin : g_vb
      spk_illegal_parameter_VB u_vb_must_be_16_to_18 ();
    end
    if (AB != 16) begin : g_ab
      spk_illegal_parameter_AB u_ab_must_be_16 ();
    end
    if ((D & (D - 1)) != 0 || D < 1 || D > 16) begin : g_d
      spk_illegal_parameter_D u_d_must_be_a_power_of_two_from_1_to_16 ();
    end
    if (NSEG < A + N || NSEG > 65536) begin : g_nseg
      spk_illegal_parameter_NSEG u_nseg_must_be_a_plus_n_to_65536 ();
    end
    if (NPOP < 1 || NPOP > 64) begin : g_npop
      spk_illegal_parameter_NPOP u_npop_must_be_1_to_64 ();
    end
    if (WWORDS < 1 || WWORDS > 65536) begin : g_wwords
      spk_illegal_parameter_WWORDS u_wwords_must_be_1_to_65536 ();
    end
    if ((EVQ & (EVQ - 1)) != 0 || EVQ < 4 || EVQ > 32768) begin : g_evq
      spk_illegal_parameter_EVQ u_evq_must_be_a_power_of_two_from_4_to_32768 ();
    end
    if ((SPKQ & (SPKQ - 1)) != 0 || SPKQ < N + 2 || SPKQ > 32768) begin : g_spkq
      spk_illegal_parameter_SPKQ u_spkq_must_be_a_power_of_two_from_n_plus_2_to_32768 ();
    end
  endgenerate

endmodule

`default_nettype wire
