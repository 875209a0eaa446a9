// SPDX-License-Identifier: Apache-2.0
// generated from hdl/spec/core.toml by tools/gen_core.py; do not edit
// Legality of the core's parameters. An illegal value instantiates a module that does
// not exist, so elaboration stops in every tool, with the parameter in the message.
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
    parameter integer SPKQ   = 512,
    parameter integer RXBUF  = 1024
) ();

  generate
    if (N < 32 || N > 1024 || (N & (N - 1)) != 0) begin : g_n
      spk_illegal_parameter_N u_expected_a_power_of_two_32_to_1024 ();
    end
    if (A < 1 || A > 1024) begin : g_a
      spk_illegal_parameter_A u_expected_1_to_1024 ();
    end
    if (L != 2 && L != 4 && L != 8 && L != 16) begin : g_l
      spk_illegal_parameter_L u_expected_2_4_8_or_16 ();
    end
    if (WB != 4 && WB != 8 && WB != 16) begin : g_wb
      spk_illegal_parameter_WB u_expected_4_8_or_16 ();
    end
    if (VB < 16 || VB > 18) begin : g_vb
      spk_illegal_parameter_VB u_expected_16_to_18 ();
    end
    if (AB != 16) begin : g_ab
      spk_illegal_parameter_AB u_expected_16 ();
    end
    if (D < 1 || D > 16 || (D & (D - 1)) != 0) begin : g_d
      spk_illegal_parameter_D u_expected_a_power_of_two_1_to_16 ();
    end
    if (NSEG < 33 || NSEG > 65535) begin : g_nseg
      spk_illegal_parameter_NSEG u_expected_33_to_65535 ();
    end
    if (NPOP < 1 || NPOP > 64) begin : g_npop
      spk_illegal_parameter_NPOP u_expected_1_to_64 ();
    end
    if (WWORDS < 1 || WWORDS > 65536) begin : g_wwords
      spk_illegal_parameter_WWORDS u_expected_1_to_65536 ();
    end
    if (EVQ < 4 || EVQ > 32768 || (EVQ & (EVQ - 1)) != 0) begin : g_evq
      spk_illegal_parameter_EVQ u_expected_a_power_of_two_4_to_32768 ();
    end
    if (SPKQ < 64 || SPKQ > 32768 || (SPKQ & (SPKQ - 1)) != 0) begin : g_spkq
      spk_illegal_parameter_SPKQ u_expected_a_power_of_two_64_to_32768 ();
    end
    if (RXBUF < 256 || RXBUF > 16384 || (RXBUF & (RXBUF - 1)) != 0) begin : g_rxbuf
      spk_illegal_parameter_RXBUF u_expected_a_power_of_two_256_to_16384 ();
    end
    if (!(N <= 256 * L)) begin : g_groups
      spk_illegal_parameter_L u_expected_with_at_most_256_groups_n_over_l ();
    end
    if (!((L * WB) % 16 == 0)) begin : g_word
      spk_illegal_parameter_L u_expected_with_l_times_wb_a_multiple_of_16 ();
    end
    if (!(NSEG >= A + N)) begin : g_rows
      spk_illegal_parameter_NSEG u_expected_of_at_least_a_plus_n_one_for_each_source ();
    end
    if (!(SPKQ >= N + 2)) begin : g_step
      spk_illegal_parameter_SPKQ u_expected_of_at_least_n_plus_2 ();
    end
  endgenerate

endmodule

`default_nettype wire
