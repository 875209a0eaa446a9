// SPDX-License-Identifier: Apache-2.0
// iCEBreaker 1.x (iCE40 UP5K SG48): the board's 12 MHz crystal, serial line through the FTDI chip.
// Reset comes from a counter, since block RAM content is not to be trusted in the first
// microseconds after configuration; the button restarts it. LED R: power, LED G: core busy.
`default_nettype none

module icebreaker_top (
  input  wire clk_12m_i,
  input  wire button_n_i,
  input  wire rxd_i,
  output wire txd_o,
  output wire led_red_n_o,
  output wire led_green_n_o
);

  reg  [7:0] reset_count_q;
  reg  [1:0] button_q;
  reg        rst_q;
  wire       busy;

  // what the flip-flops hold after configuration
  initial begin
    reset_count_q = 8'd0;
    button_q = 2'b11;
    rst_q = 1'b1;
  end

  always @(posedge clk_12m_i) begin
    button_q <= {button_q[0], button_n_i};
    if (!button_q[1]) reset_count_q <= 8'd0;
    else if (reset_count_q != 8'hff) reset_count_q <= reset_count_q + 8'd1;
    rst_q <= reset_count_q != 8'hff;
  end

  spk_top #(
    .TARGET("ice40"),
    .CLK_HZ(12000000)
  ) u_top (
    .clk(clk_12m_i),
    .rst(rst_q),
    .rxd_i(rxd_i),
    .txd_o(txd_o),
    .busy_o(busy)
  );

  assign led_red_n_o = 1'b0;
  assign led_green_n_o = !busy;

endmodule

`default_nettype wire
