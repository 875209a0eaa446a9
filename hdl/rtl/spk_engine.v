// SPDX-License-Identifier: Apache-2.0
// What works on the memories: step sequence, sweep of the sources, neuron update and recording.
// It holds no memory itself; every memory gives its word one cycle after the address. Control
// ports are those of spk_core. sweeping_o and updating_o say whose addresses are meant.
`default_nettype none

module spk_engine #(
    parameter integer N          = 256,   // neurons
    parameter integer A          = 256,   // axons
    parameter integer L          = 8,     // lanes
    parameter integer VB         = 18,    // bits of a state word
    parameter integer AB         = 16,    // bits of an accumulator
    parameter integer NPOP       = 16,    // population records
    parameter integer BW         = 14,    // bits of a weight word's address
    parameter integer GW         = 5,     // bits of a group's number
    parameter integer DW         = 3,     // bits of a delay slot
    parameter integer SW         = 9,     // bits of a segment's index
    parameter integer LAST_SMALL = 511,   // last address of the largest memory but the weights
    parameter integer LAST_ALL   = 16383  // last address of the largest memory
) (
    input  wire                           clk,
    input  wire                           rst,
    // control
    input  wire                           run_i,
    input  wire [                   31:0] run_steps_i,
    input  wire                           stop_i,
    input  wire                           clear_i,
    input  wire [                   15:0] clear_mask_i,
    input  wire                           record_i,
    input  wire [                   31:0] tick_period_i,
    output wire                           running_o,
    output wire                           busy_o,
    output wire                           stalled_o,
    output wire [                   31:0] next_step_o,
    output wire [                   31:0] last_cycles_o,
    output wire [                   47:0] total_cycles_o,
    output wire [                   15:0] deadline_count_o,
    output wire                           deadline_flag_o,
    output wire                           chain_flag_o,
    // event queue
    input  wire                           ev_lock_i,
    output wire                           ev_locked_o,
    input  wire                           ev_settled_i,    // empty, or its first word shows
    input  wire [                   15:0] ev_tdata_i,
    input  wire                           ev_tvalid_i,
    output wire                           ev_tready_o,
    // spike queue
    input  wire                           spk_room_i,      // room for a marker and N spikes
    output wire [                   15:0] spk_tdata_o,
    output wire                           spk_tvalid_o,
    // clear: address, and the clear mask while addresses are walked
    output wire [                   15:0] zero_addr_o,
    output wire                           zeroing_o,
    output wire [                   15:0] zero_o,
    // segments
    output wire                           sweeping_o,
    output wire [                 SW-1:0] seg_raddr_o,
    input  wire [BW + 2*GW + DW + SW + 1:0] seg_rdata_i,
    // weights and accumulators: read with issue_o, add and write back with add_o
    output wire                           issue_o,
    output wire                           add_o,
    output wire [                 BW-1:0] weight_addr_o,
    output wire [              DW+GW-1:0] acc_addr_o,
    // neurons: input and state of idx_o are read, and acc_clear_o clears the group just read
    output wire                           updating_o,
    output wire [          $clog2(N)-1:0] idx_o,
    input  wire [                 AB-1:0] acc_rdata_i,
    output wire                           acc_clear_o,
    output wire [$clog2(NPOP * 16) - 1:0] pop_raddr_o,
    input  wire [                   15:0] pop_rdata_i,
    output wire [          $clog2(N)-1:0] param_raddr_o,
    input  wire [                     47:0] param_rdata_i,
    input  wire [                     47:0] state_rdata_i,
    output wire                           state_we_o,
    output wire [          $clog2(N)-1:0] state_waddr_o,
    output wire [                     47:0] state_wdata_o,
    // fired list
    output wire [          $clog2(N)-1:0] fired_raddr_o,
    input  wire [          $clog2(N)-1:0] fired_rdata_i,
    output wire                           fired_we_o,
    output wire [          $clog2(N)-1:0] fired_waddr_o,
    output wire [          $clog2(N)-1:0] fired_wdata_o,
    output wire [            $clog2(N):0] fired_count_o,
    // spike counters
    output wire [          $clog2(N)-1:0] count_raddr_o,
    input  wire [                   15:0] count_rdata_i,
    output wire                           count_we_o,
    output wire [          $clog2(N)-1:0] count_waddr_o,
    output wire [                   15:0] count_wdata_o
);

  `include "spk_core_defs.vh"

  localparam integer NW = $clog2(N);
  localparam integer LW = $clog2(L);

  // ---------------------------------------------------------------------------------------------
  // Sequence

  wire [15:0] step;
  wire step_high, filling, sweep_start, sweep_done, chain_cut;
  wire neuron_start, neuron_begin, neuron_done;

  spk_core_ctrl #(
      .LAST_SMALL(LAST_SMALL),
      .LAST_ALL  (LAST_ALL)
  ) u_ctrl (
      .clk             (clk),
      .rst             (rst),
      .run_i           (run_i),
      .run_steps_i     (run_steps_i),
      .stop_i          (stop_i),
      .clear_i         (clear_i),
      .clear_mask_i    (clear_mask_i),
      .record_i        (record_i),
      .tick_period_i   (tick_period_i),
      .running_o       (running_o),
      .busy_o          (busy_o),
      .stalled_o       (stalled_o),
      .next_step_o     (next_step_o),
      .last_cycles_o   (last_cycles_o),
      .total_cycles_o  (total_cycles_o),
      .deadline_count_o(deadline_count_o),
      .deadline_flag_o (deadline_flag_o),
      .chain_flag_o    (chain_flag_o),
      .ev_lock_i       (ev_lock_i),
      .ev_locked_o     (ev_locked_o),
      .ev_settled_i    (ev_settled_i),
      .spk_room_i      (spk_room_i),
      .zero_addr_o     (zero_addr_o),
      .zeroing_o       (zeroing_o),
      .zero_o          (zero_o),
      .filling_o       (filling),
      .step_o          (step),
      .step_high_o     (step_high),
      .sweep_start_o   (sweep_start),
      .sweep_done_i    (sweep_done),
      .chain_cut_i     (chain_cut),
      .neuron_start_o  (neuron_start),
      .neuron_begin_o  (neuron_begin),
      .neuron_done_i   (neuron_done)
  );

  // ---------------------------------------------------------------------------------------------
  // Sources and segments

  wire [BW-1:0] seg_base;
  wire [GW-1:0] seg_first, seg_count, sweep_group;
  wire [DW-1:0] seg_delay, sweep_slot;
  wire seg_valid, seg_more;
  wire [SW-1:0] seg_next;

  assign {seg_next, seg_more, seg_valid, seg_delay, seg_count, seg_first, seg_base} = seg_rdata_i;

  spk_sweep #(
      .N (N),
      .A (A),
      .BW(BW),
      .GW(GW),
      .DW(DW),
      .SW(SW)
  ) u_sweep (
      .clk          (clk),
      .rst          (rst),
      .start_i      (sweep_start),
      .step_i       (step[14:0]),
      .slot_i       (step[DW-1:0]),
      .busy_o       (sweeping_o),
      .done_o       (sweep_done),
      .chain_cut_o  (chain_cut),
      .ev_tdata_i   (ev_tdata_i),
      .ev_tvalid_i  (ev_tvalid_i),
      .ev_tready_o  (ev_tready_o),
      .fired_raddr_o(fired_raddr_o),
      .fired_rdata_i(fired_rdata_i),
      .fired_count_i(fired_count_o),
      .seg_raddr_o  (seg_raddr_o),
      .seg_base_i   (seg_base),
      .seg_first_i  (seg_first),
      .seg_count_i  (seg_count),
      .seg_delay_i  (seg_delay),
      .seg_valid_i  (seg_valid),
      .seg_more_i   (seg_more),
      .seg_next_i   (seg_next),
      .issue_o      (issue_o),
      .add_o        (add_o),
      .weight_addr_o(weight_addr_o),
      .acc_slot_o   (sweep_slot),
      .acc_group_o  (sweep_group)
  );

  // ---------------------------------------------------------------------------------------------
  // Neurons

  spk_neuron #(
      .N   (N),
      .L   (L),
      .VB  (VB),
      .AB  (AB),
      .NPOP(NPOP)
  ) u_neuron (
      .clk          (clk),
      .rst          (rst),
      .start_i      (neuron_start),
      .begin_i      (neuron_begin),
      .fill_i       (filling),
      .clear_i      (zero_o[SPK_CLEAR_STATE_BIT]),
      .record_i     (record_i),
      .step_i       (step),
      .step_high_i  (step_high),
      .busy_o       (updating_o),
      .done_o       (neuron_done),
      .pop_raddr_o  (pop_raddr_o),
      .pop_rdata_i  (pop_rdata_i),
      .idx_o        (idx_o),
      .acc_clear_o  (acc_clear_o),
      .acc_i        (acc_rdata_i),
      .state_rdata_i(state_rdata_i),
      .state_we_o   (state_we_o),
      .state_waddr_o(state_waddr_o),
      .state_wdata_o(state_wdata_o),
      .param_raddr_o(param_raddr_o),
      .param_rdata_i(param_rdata_i),
      .fired_we_o   (fired_we_o),
      .fired_waddr_o(fired_waddr_o),
      .fired_wdata_o(fired_wdata_o),
      .fired_count_o(fired_count_o),
      .count_raddr_o(count_raddr_o),
      .count_rdata_i(count_rdata_i),
      .count_we_o   (count_we_o),
      .count_waddr_o(count_waddr_o),
      .count_wdata_o(count_wdata_o),
      .m_axis_tdata (spk_tdata_o),
      .m_axis_tvalid(spk_tvalid_o)
  );

  // Sweep and update never overlap; the update reads the slot that is due in this step.
  assign acc_addr_o = sweeping_o ? {sweep_slot, sweep_group} : {step[DW-1:0], idx_o[NW-1:LW]};

endmodule

`default_nettype wire
